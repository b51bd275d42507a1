// The Service Bus door's queues, with the settings that they have on one machine.
param name string
param location string
param tags object
param sku string
param inputQueue string
param outputQueue string
param principalId string
param callerId string

@description('Empty: the namespace is reached over the internet, with an identity.')
param networkName string

var isolated = !empty(networkName)
// The emulator's own file: the queue to read first, then the queue to write.
var queues = loadJsonContent('../../emulators/Config.json').UserConfig.Namespaces[0].Queues
var names = [inputQueue, outputQueue]

// The app receives from the first queue, and sends to both: an asynchronous HTTP request becomes
// a message. Neither role may make, change or delete a queue.
var receiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0' // Azure Service Bus Data Receiver
var sender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39' // Azure Service Bus Data Sender
var granted = [
  { queue: 0, role: receiver, to: principalId }
  { queue: 0, role: sender, to: principalId }
  { queue: 1, role: sender, to: principalId }
  { queue: 0, role: sender, to: callerId }
  { queue: 1, role: receiver, to: callerId }
]

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, tier: sku }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
  }
}

resource made 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [for (queue, index) in queues: {
  parent: namespace
  name: names[index]
  properties: {
    deadLetteringOnMessageExpiration: queue.Properties.DeadLetteringOnMessageExpiration
    defaultMessageTimeToLive: queue.Properties.DefaultMessageTimeToLive
    duplicateDetectionHistoryTimeWindow: queue.Properties.DuplicateDetectionHistoryTimeWindow
    lockDuration: queue.Properties.LockDuration
    maxDeliveryCount: queue.Properties.MaxDeliveryCount
    requiresDuplicateDetection: queue.Properties.RequiresDuplicateDetection
    requiresSession: queue.Properties.RequiresSession
  }
}]

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (each, index) in granted: if (!empty(each.to)) {
  name: guid(namespace.id, each.to, each.role, string(each.queue))
  scope: made[each.queue]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', each.role)
    principalId: each.to
    principalType: each.to == principalId ? 'ServicePrincipal' : null
  }
}]

module endpoint 'private-endpoint.bicep' = if (isolated) {
  name: 'service-bus-endpoint'
  params: {
    name: 'pe-${name}'
    location: location
    tags: tags
    networkName: networkName
    targetId: namespace.id
    groupId: 'namespace'
    zoneName: 'privatelink.servicebus.windows.net'
  }
}

output name string = namespace.name
output host string = '${namespace.name}.servicebus.windows.net'
