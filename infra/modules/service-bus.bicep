// The namespace, and the queues and topics that the triggers need. Blobs have result documents too.
param name string
param location string
param tags object
param sku string

@description('Name of the input queue. Empty: the app has no Service Bus trigger, or reads a subscription.')
param inputQueue string

@description('Name of the topic whose subscription the app reads instead of a queue; or empty.')
param inputTopic string
param inputSubscription string

@description('Whether the input queue or subscription requires sessions.')
param requiresSession bool

@description('Name of the output queue. Empty: results go to a topic.')
param outputQueue string
param outputTopic string
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

// Expired messages go to the dead-letter queue. The output drops a document that is sent twice
// within five minutes. A request may arrive twice: its answer is the same.
var results = {
  name: outputQueue
  days: resultDays
  detectsDuplicates: true
  requiresSession: false
}
var requests = {
  name: inputQueue
  days: requestDays
  detectsDuplicates: false
  requiresSession: requiresSession
}
var queues = concat(empty(outputQueue) ? [] : [results], empty(inputQueue) ? [] : [requests])

// What the app sends to its output topic stays in a subscription, to which others may be added.
var written = union(results, { name: outputTopic, subscription: 'all' })
var read = union(requests, { name: inputTopic, subscription: inputSubscription })
var topics = concat(empty(outputTopic) ? [] : [written], empty(inputTopic) ? [] : [read])

// The app receives from its input and sends to its input and output: an asynchronous HTTP request
// becomes a message. The person who deploys may send requests, read results, and send dead letters
// of the input again. No role may create, change or delete a queue or topic.
var receiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0' // Azure Service Bus Data Receiver
var sender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39' // Azure Service Bus Data Sender

// `at` is an index of queues or topics.
var inputQueueAt = empty(outputQueue) ? 0 : 1
var onOutputQueue = [
  { at: 0, role: sender, to: principalId }
  { at: 0, role: receiver, to: callerId }
]
var onInputQueue = [
  { at: inputQueueAt, role: receiver, to: principalId }
  { at: inputQueueAt, role: sender, to: principalId }
  { at: inputQueueAt, role: receiver, to: callerId }
  { at: inputQueueAt, role: sender, to: callerId }
]
var onQueues = concat(
  empty(outputQueue) ? [] : onOutputQueue,
  empty(inputQueue) ? [] : onInputQueue
)

// Topics are sent to, their subscriptions are received from.
var inputTopicAt = empty(outputTopic) ? 0 : 1
var toInputTopic = [
  { at: inputTopicAt, to: principalId }
  { at: inputTopicAt, to: callerId }
]
var toTopics = concat(
  empty(outputTopic) ? [] : [{ at: 0, to: principalId }],
  empty(inputTopic) ? [] : toInputTopic
)
var fromInput = [
  { at: inputTopicAt, to: principalId }
  { at: inputTopicAt, to: callerId }
]
var fromSubscriptions = concat(
  empty(outputTopic) ? [] : [{ at: 0, to: callerId }],
  empty(inputTopic) ? [] : fromInput
)

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
      requiresSession: queue.requiresSession
    }
  }
]

resource topicsMade 'Microsoft.ServiceBus/namespaces/topics@2026-01-01' = [
  for topic in topics: {
    parent: namespace
    name: topic.name
    properties: {
      defaultMessageTimeToLive: 'P${topic.days}D'
      duplicateDetectionHistoryTimeWindow: 'PT5M'
      maxSizeInMegabytes: queueSizeMB
      requiresDuplicateDetection: topic.detectsDuplicates
    }
  }
]

resource subscriptions 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2026-01-01' = [
  for (topic, index) in topics: {
    parent: topicsMade[index]
    name: topic.subscription
    properties: {
      deadLetteringOnMessageExpiration: true
      defaultMessageTimeToLive: 'P${topic.days}D'
      lockDuration: 'PT${lockSeconds}S'
      maxDeliveryCount: maxDeliveryCount
      requiresSession: topic.requiresSession
    }
  }
]

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in onQueues: if (!empty(each.to)) {
    name: guid(namespace.id, each.to, each.role, queues[each.at].name)
    scope: made[each.at]
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

resource topicRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in toTopics: if (!empty(each.to)) {
    name: guid(namespace.id, each.to, sender, topics[each.at].name)
    scope: topicsMade[each.at]
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        sender
      )
      principalId: each.to
      principalType: each.to == principalId ? 'ServicePrincipal' : null
    }
  }
]

resource subscriptionRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in fromSubscriptions: if (!empty(each.to)) {
    name: guid(namespace.id, each.to, receiver, topics[each.at].name)
    scope: subscriptions[each.at]
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        receiver
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

output id string = namespace.id
output name string = namespace.name
output host string = '${namespace.name}.servicebus.windows.net'
