// The namespace, and the queues that the triggers need. Blobs have result documents, too.
param name string
param location string
param tags object
param sku string

@description('Name of the input queue. Empty: the app has no Service Bus trigger.')
param inputQueue string
param outputQueue string
param requestDays int
param resultDays int
param lockSeconds int
param maxDeliveryCount int
param queueSizeMB int
param principalId string
param callerId string

@description('Name of the network of an isolated app. Empty: the namespace is reached over the internet.')
param networkName string

var isolated = !empty(networkName)

// Expired messages go to the dead-letter queue. The output queue drops a document that is sent
// twice within five minutes. A request may arrive twice: its answer is the same.
var results = { name: outputQueue, days: resultDays, detectsDuplicates: true }
var requests = { name: inputQueue, days: requestDays, detectsDuplicates: false }
var queues = empty(inputQueue) ? [results] : [results, requests]

// The app receives from the input queue and sends to both queues: an asynchronous HTTP request
// becomes a message. The person who deploys may send requests, read results, and send dead letters
// of the input queue again. No role may create, change or delete a queue.
var receiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0' // Azure Service Bus Data Receiver
var sender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39' // Azure Service Bus Data Sender
var onResults = [
  { queue: 0, role: sender, to: principalId }
  { queue: 0, role: receiver, to: callerId }
]
var onRequests = [
  { queue: 1, role: receiver, to: principalId }
  { queue: 1, role: sender, to: principalId }
  { queue: 1, role: receiver, to: callerId }
  { queue: 1, role: sender, to: callerId }
]
var granted = empty(inputQueue) ? onResults : concat(onResults, onRequests)

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

resource made 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [
  for queue in queues: {
    parent: namespace
    name: queue.name
    properties: {
      deadLetteringOnMessageExpiration: true
      defaultMessageTimeToLive: 'P${queue.days}D'
      duplicateDetectionHistoryTimeWindow: 'PT5M'
      lockDuration: 'PT${lockSeconds}S'
      maxDeliveryCount: maxDeliveryCount
      maxSizeInMegabytes: queueSizeMB
      requiresDuplicateDetection: queue.detectsDuplicates
      requiresSession: false
    }
  }
]

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in granted: if (!empty(each.to)) {
    name: guid(namespace.id, each.to, each.role, queues[each.queue].name)
    scope: made[each.queue]
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        each.role
      )
      principalId: each.to
      principalType: each.to == principalId ? 'ServicePrincipal' : null
    }
  }
]

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
