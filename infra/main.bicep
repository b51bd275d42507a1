// Triscore in Azure: one function app, and the services that its triggers need.
// azd fills the parameters from its environment (main.parameters.json).
targetScope = 'subscription'

@minLength(1)
@maxLength(24)
@description('Name of the azd environment. The resource group is called rg-NAME.')
param environmentName string

@minLength(1)
@description('Region of all resources. It must offer Flex Consumption and Azure Managed Redis.')
param location string

@description('Object id of the person who deploys. They may upload blobs, send messages, read results, and send failed inputs again. Empty: only the app may.')
param callerId string = ''

@description('Additional app settings, or other values for those set here or in the package.')
param appSettings object = {}

@allowed([512, 2048, 4096])
@description('Memory of an instance, in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Most instances, over all triggers.')
param maximumInstanceCount int = 40

@minValue(1)
@maxValue(1000)
@description('HTTP requests that one instance handles at once, before another instance starts.')
param httpConcurrency int = 64

@minValue(1)
@description('Blobs that one instance scores at once.')
param blobConcurrency int = 4

@minValue(1)
@maxValue(64)
@description('Messages that one instance receives at once.')
param messageBatchSize int = 64

@minValue(0)
@description('Instances that always run for the HTTP trigger. An idle one costs money, too.')
param alwaysReadyHttp int = 0

@minValue(0)
@description('Instances that always run for the blob trigger.')
param alwaysReadyBlob int = 0

@minValue(0)
@description('Instances that always run for the Service Bus trigger.')
param alwaysReadyMessages int = 0

@allowed(['managed', 'classic', 'none'])
@description('managed: a new Azure Managed Redis; the app signs in with its identity. classic: an existing Azure Cache for Redis; the app signs in with the key. none: each worker has a cache of its own.')
param redis string = 'managed'

@description('Size of the Azure Managed Redis.')
param redisSku string = 'Balanced_B0'

@allowed(['EnterpriseCluster', 'NoCluster', 'OSSCluster'])
@description('How the Azure Managed Redis distributes its keys. The app uses the cluster protocol only for OSSCluster.')
param redisClusteringPolicy string = 'EnterpriseCluster'

@description('A second node that takes over if one fails. It doubles the price.')
param redisHighAvailability bool = true

@description('Name of the existing Azure Cache for Redis, for redis = classic.')
param classicRedisName string = ''

@description('Resource group of the existing Azure Cache for Redis, for redis = classic.')
param classicRedisResourceGroup string = ''

@allowed(['Standard', 'Premium'])
@description('Tier of the Service Bus namespace. Basic has no duplicate detection; a private endpoint needs Premium.')
param serviceBusSku string = 'Standard'

@minValue(1)
@description('Days that a request waits in its queue before it goes to the dead-letter queue.')
param requestDays int = 14

@minValue(1)
@description('Days that a result document waits in its queue to be read.')
param resultDays int = 14

@minValue(5)
@maxValue(300)
@description('Seconds that a message is locked. The platform does not renew the locks of a batch.')
param lockSeconds int = 60

@minValue(1)
@maxValue(2000)
@description('Deliveries of a message before it goes to the dead-letter queue.')
param maxDeliveryCount int = 10

@allowed([1024, 2048, 3072, 4096, 5120])
@description('Most megabytes in a queue. A full queue refuses messages.')
param queueSizeMB int = 1024

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS'])
@description('Redundancy of the storage account: how many copies of the data it keeps, and where.')
param storageSku string = 'Standard_LRS'

@minValue(0)
@description('Days until scored blobs, their reports and large results are deleted. 0: they are kept.')
param outputDays int = 0

@minValue(0)
@description('Days until the blobs that messages name are deleted. It must be more than requestDays, or a message may outlive its rows. 0: they are kept.')
param claimDays int = 0

@description('Where alerts are sent by e-mail. Empty: they show in the portal alone.')
param alertEmail string = ''

@description('Put storage, Service Bus, Redis and the app behind private endpoints. It needs serviceBusSku = Premium.')
param isolated bool = false

@description('Address range from which an isolated app is deployed, such as 203.0.113.0/24. Empty: only from within the network.')
param deployerAddress string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

// The settings that `./triscore package` wrote (triggers, containers, queues), with appSettings
// above it. The app reads the same values; the defaults here are those of triggers/settings.py.
var package = any(union(loadJsonContent('../dist/app/settings.json'), appSettings))
var triggers = package.?TRIGGERS ?? 'http,blob,servicebus'
var inputContainer = split(package.?INPUT_BLOB_PATH ?? 'scoring-input/{name}', '/')[0]
var outputContainer = package.?OUTPUT_CONTAINER ?? 'scoring-output'
var claimContainer = package.?CLAIM_CONTAINER ?? 'scoring-claims'
var inputQueue = package.?INPUT_QUEUE_NAME ?? 'scoring-requests'
var outputQueue = package.?OUTPUT_QUEUE_NAME ?? 'scoring-results'
var inputTopic = package.?INPUT_TOPIC_NAME ?? ''
var inputSubscription = package.?INPUT_SUBSCRIPTION_NAME ?? ''
var outputTopic = package.?OUTPUT_TOPIC_NAME ?? ''
var requiresSession = toLower(package.?IS_SESSIONS_ENABLED ?? 'false') == 'true'
var input = empty(inputTopic) ? inputQueue : inputTopic
var output = empty(outputTopic) ? outputQueue : outputTopic

// Only services that the triggers need are created. Result documents of blobs go to the output
// queue.
var triggerNames = map(split(toLower(triggers), ','), each => trim(each))
var scoresBlobs = contains(triggerNames, 'blob')
var scoresMessages = contains(triggerNames, 'servicebus')
var needsBus = scoresBlobs || scoresMessages
// Messages have large rows and large results in blobs.
var blobContainers = scoresBlobs ? [inputContainer] : []
var sharedContainers = needsBus ? [outputContainer] : []
var messageContainers = scoresMessages ? [claimContainer] : []
var unknownTriggers = filter(triggerNames, each => !contains(['http', 'blob', 'servicebus'], each))

// Parameters that cannot work together, each with a sentence. Without this check, the deployment
// would fail half-way, or create resources that are paid for and never used.
var isolatesBus = isolated && needsBus
var refusals = [
  isolatesBus && serviceBusSku != 'Premium'
    ? 'isolated needs a Premium namespace: set serviceBusSku = Premium (TRISCORE_SERVICE_BUS_SKU).'
    : ''
  redis == 'classic' && (empty(classicRedisName) || empty(classicRedisResourceGroup))
    ? 'redis = classic needs an existing cache: set classicRedisName and classicRedisResourceGroup.'
    : ''
  empty(unknownTriggers)
    ? ''
    : 'TRIGGERS has ${join(unknownTriggers, ', ')}: expected some of http, blob, servicebus.'
  alwaysReadyHttp > 0 && !contains(triggerNames, 'http')
    ? 'TRIGGERS has no http: set alwaysReadyHttp to 0, or add it.'
    : ''
  alwaysReadyBlob > 0 && !scoresBlobs
    ? 'TRIGGERS has no blob: set alwaysReadyBlob to 0, or add it.'
    : ''
  alwaysReadyMessages > 0 && !scoresMessages
    ? 'TRIGGERS has no servicebus: set alwaysReadyMessages to 0, or add it.'
    : ''
  inputContainer == outputContainer
    ? 'Scored blobs would be scored again: OUTPUT_CONTAINER must not be the container of INPUT_BLOB_PATH.'
    : ''
  contains([inputContainer, outputContainer], claimContainer)
    ? 'Messages name blobs in a container of their own: CLAIM_CONTAINER must not be another one.'
    : ''
  scoresMessages && claimDays > 0 && claimDays <= requestDays
    ? 'A message may wait longer than its rows are kept: set claimDays (TRISCORE_CLAIM_DAYS) above requestDays, or to 0.'
    : ''
  input == output
    ? 'Results would be scored again: OUTPUT_QUEUE_NAME must not be INPUT_QUEUE_NAME, and OUTPUT_TOPIC_NAME not INPUT_TOPIC_NAME.'
    : ''
  empty(inputTopic) != empty(inputSubscription)
    ? 'INPUT_TOPIC_NAME and INPUT_SUBSCRIPTION_NAME are set together.'
    : ''
]
var refusal = join(filter(refusals, each => !empty(each)), ' ')
// The first resource needs this name, so that nothing is created if a parameter is refused.
var groupName = empty(refusal) ? 'rg-${environmentName}' : fail(refusal)
var networkName = isolated ? 'vnet-${token}' : ''
var functionAppName = 'func-${token}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (isolated) {
  name: 'network'
  scope: group
  params: {
    name: networkName
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  dependsOn: [network]
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    sku: storageSku
    scoresBlobs: scoresBlobs
    containers: concat(blobContainers, sharedContainers, messageContainers)
    outputContainer: needsBus ? outputContainer : ''
    principalId: identity.outputs.principalId
    callerId: callerId
    outputDays: outputDays
    claimContainer: scoresMessages ? claimContainer : ''
    claimDays: claimDays
    networkName: networkName
  }
}

module serviceBus 'modules/service-bus.bicep' = if (needsBus) {
  name: 'service-bus'
  scope: group
  dependsOn: [network]
  params: {
    name: 'sb-${token}'
    location: location
    tags: tags
    sku: serviceBusSku
    inputQueue: scoresMessages && empty(inputTopic) ? inputQueue : ''
    inputTopic: scoresMessages ? inputTopic : ''
    inputSubscription: inputSubscription
    requiresSession: requiresSession
    outputQueue: empty(outputTopic) ? outputQueue : ''
    outputTopic: outputTopic
    requestDays: requestDays
    resultDays: resultDays
    lockSeconds: lockSeconds
    maxDeliveryCount: maxDeliveryCount
    queueSizeMB: queueSizeMB
    principalId: identity.outputs.principalId
    callerId: callerId
    networkName: networkName
  }
}

module managedRedis 'modules/managed-redis.bicep' = if (redis == 'managed') {
  name: 'managed-redis'
  scope: group
  dependsOn: [network]
  params: {
    name: 'redis-${token}'
    location: location
    tags: tags
    sku: redisSku
    clusteringPolicy: redisClusteringPolicy
    highAvailability: redisHighAvailability
    principalId: identity.outputs.principalId
    networkName: networkName
  }
}

module vault 'modules/vault.bicep' = if (redis == 'classic') {
  name: 'vault'
  scope: group
  dependsOn: [network]
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    networkName: networkName
  }
}

module classicRedis 'modules/classic-redis.bicep' = if (redis == 'classic') {
  name: 'classic-redis'
  scope: group
  dependsOn: [vault]
  params: {
    redisName: classicRedisName
    redisResourceGroup: classicRedisResourceGroup
    vaultName: 'kv-${token}'
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: functionAppName
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    instrumentation: monitoring.outputs.connectionString
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    packagesUrl: storage.outputs.packagesUrl
    scoresBlobs: scoresBlobs
    serviceBusHost: needsBus ? serviceBus!.outputs.host : ''
    requestDays: requestDays
    maxDeliveryCount: maxDeliveryCount
    redisUrl: redis == 'managed'
      ? managedRedis!.outputs.url
      : redis == 'classic' ? classicRedis!.outputs.urlReference : ''
    redisAuth: redis == 'managed' ? 'entra' : 'key'
    redisCluster: redis == 'managed' && redisClusteringPolicy == 'OSSCluster'
    appSettings: appSettings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    blobConcurrency: blobConcurrency
    messageBatchSize: messageBatchSize
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyBlob: alwaysReadyBlob
    alwaysReadyMessages: alwaysReadyMessages
    networkName: networkName
    deployerAddress: deployerAddress
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    name: 'Triscore ${environmentName}'
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    busId: needsBus ? serviceBus!.outputs.id : ''
    storageId: storage.outputs.id
    redisId: redis == 'managed' ? managedRedis!.outputs.id : ''
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    email: alertEmail
    insightsId: monitoring.outputs.insightsId
    busId: needsBus ? serviceBus!.outputs.id : ''
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output TRISCORE_APP string = functionAppName
output TRISCORE_URL string = functionApp.outputs.url
output TRISCORE_STORAGE string = storage.outputs.name
output TRISCORE_SERVICE_BUS string = needsBus ? serviceBus!.outputs.name : ''
output TRISCORE_INPUT_CONTAINER string = scoresBlobs ? inputContainer : ''
output TRISCORE_OUTPUT_CONTAINER string = needsBus ? outputContainer : ''
output TRISCORE_CLAIM_CONTAINER string = scoresMessages ? claimContainer : ''
output TRISCORE_INPUT_QUEUE string = scoresMessages && empty(inputTopic) ? inputQueue : ''
output TRISCORE_INPUT_TOPIC string = scoresMessages ? inputTopic : ''
output TRISCORE_OUTPUT_QUEUE string = needsBus && empty(outputTopic) ? outputQueue : ''
output TRISCORE_OUTPUT_TOPIC string = needsBus ? outputTopic : ''
output TRISCORE_TRIGGERS string = join(triggerNames, ',')
