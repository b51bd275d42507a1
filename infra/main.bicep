// Triscore in Azure: one function app, and what its open doors need.
// azd fills the parameters from its environment (main.parameters.json).
targetScope = 'subscription'

@minLength(1)
@maxLength(24)
@description('Name of the azd environment. The resource group is called rg-NAME.')
param environmentName string

@minLength(1)
@description('Region of everything. It must offer Flex Consumption and Azure Managed Redis.')
param location string

@description('Object id of whoever deploys. They may upload blobs, send messages, read results and send round once more what was given up. Empty: nobody may but the app.')
param callerId string = ''

@description('Further app settings, or other values for those set here or in the package.')
param appSettings object = {}

@allowed([512, 2048, 4096])
@description('Memory of an instance, in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Instances at most, over all doors.')
param maximumInstanceCount int = 40

@minValue(1)
@maxValue(1000)
@description('HTTP requests that one instance answers at once, before another one starts.')
param httpConcurrency int = 64

@minValue(1)
@description('Blobs that one instance scores at once.')
param blobConcurrency int = 4

@minValue(1)
@maxValue(64)
@description('Messages that one instance takes at once.')
param messageBatchSize int = 64

@minValue(0)
@description('Instances that always run for the HTTP door. Each costs money at rest.')
param alwaysReadyHttp int = 0

@minValue(0)
@description('Instances that always run for the blob door.')
param alwaysReadyBlob int = 0

@minValue(0)
@description('Instances that always run for the Service Bus door.')
param alwaysReadyMessages int = 0

@allowed(['managed', 'classic', 'none'])
@description('managed: a new Azure Managed Redis, signed in to with the identity. classic: an existing Azure Cache for Redis, with its key. none: a cache in each worker alone.')
param redis string = 'managed'

@description('Size of the Azure Managed Redis.')
param redisSku string = 'Balanced_B0'

@allowed(['EnterpriseCluster', 'NoCluster', 'OSSCluster'])
@description('How the Azure Managed Redis spreads its keys. Only OSSCluster makes the app speak the cluster protocol.')
param redisClusteringPolicy string = 'EnterpriseCluster'

@description('A second node that takes over when one fails. Doubles the price.')
param redisHighAvailability bool = true

@description('Name of the existing Azure Cache for Redis; with redis = classic.')
param classicRedisName string = ''

@description('Its resource group.')
param classicRedisResourceGroup string = ''

@allowed(['Standard', 'Premium'])
@description('Basic knows no duplicate detection; a private endpoint takes Premium.')
param serviceBusSku string = 'Standard'

@minValue(1)
@description('Days that a request waits in its queue before it ends in the dead-letter queue.')
param requestDays int = 14

@minValue(1)
@description('Days that a result document waits in its queue for whoever reads it.')
param resultDays int = 14

@minValue(5)
@maxValue(300)
@description('Seconds for which a message is locked; the platform renews it while the app works.')
param lockSeconds int = 60

@minValue(1)
@maxValue(2000)
@description('Times that a message is delivered before it ends in the dead-letter queue.')
param maxDeliveryCount int = 10

@allowed([1024, 2048, 3072, 4096, 5120])
@description('MB that a queue holds at most; then it refuses what is sent.')
param queueSizeMB int = 1024

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS'])
@description('How many copies the storage account keeps, and where.')
param storageSku string = 'Standard_LRS'

@description('Put storage, Service Bus, Redis and the app behind private endpoints. Takes serviceBusSku = Premium.')
param isolated bool = false

@description('Address range, as 203.0.113.0/24, from which an isolated app is deployed. Empty: nowhere outside the network.')
param deployerAddress string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

// What `triscore package` was told: doors, containers, queues; and what appSettings say
// above it. The app reads the same; what neither says is its default (triggers/settings.py).
var package = any(union(loadJsonContent('../dist/app/settings.json'), appSettings))
var triggers = package.?TRIGGERS ?? 'http,blob,servicebus'
var inputContainer = split(package.?INPUT_BLOB_PATH ?? 'scoring-input/{name}', '/')[0]
var outputContainer = package.?OUTPUT_CONTAINER ?? 'scoring-output'
var inputQueue = package.?INPUT_QUEUE_NAME ?? 'scoring-requests'
var outputQueue = package.?OUTPUT_QUEUE_NAME ?? 'scoring-results'

// Only what the open doors need is made and paid for. Documents of blobs go to the output queue.
var doors = map(split(toLower(triggers), ','), each => trim(each))
var scoresBlobs = contains(doors, 'blob')
var scoresMessages = contains(doors, 'servicebus')
var needsBus = scoresBlobs || scoresMessages
var unknownDoors = filter(doors, each => !contains(['http', 'blob', 'servicebus'], each))

// What can't work, each as a sentence: it would fail half-way through a deployment, or be paid for
// and never run.
var isolatesBus = isolated && needsBus
var refusals = [
  isolatesBus && serviceBusSku != 'Premium'
    ? 'isolated takes a Premium namespace: set serviceBusSku = Premium (TRISCORE_SERVICE_BUS_SKU).'
    : ''
  redis == 'classic' && (empty(classicRedisName) || empty(classicRedisResourceGroup))
    ? 'redis = classic takes a cache that is there: set classicRedisName and its group.'
    : ''
  empty(unknownDoors)
    ? ''
    : 'TRIGGERS names ${join(unknownDoors, ', ')}: it takes some of http, blob, servicebus.'
  alwaysReadyHttp > 0 && !contains(doors, 'http')
    ? 'TRIGGERS leaves the HTTP door closed: set alwaysReadyHttp to 0, or open it.'
    : ''
  alwaysReadyBlob > 0 && !scoresBlobs
    ? 'TRIGGERS leaves the blob door closed: set alwaysReadyBlob to 0, or open it.'
    : ''
  alwaysReadyMessages > 0 && !scoresMessages
    ? 'TRIGGERS leaves the Service Bus door closed: set alwaysReadyMessages to 0, or open it.'
    : ''
  inputContainer == outputContainer
    ? 'Scored blobs would be scored again: OUTPUT_CONTAINER is that of INPUT_BLOB_PATH.'
    : ''
  inputQueue == outputQueue
    ? 'Results would be scored again: OUTPUT_QUEUE_NAME is INPUT_QUEUE_NAME.'
    : ''
]
var refusal = join(filter(refusals, each => !empty(each)), ' ')
// The first resource of all needs it: nothing is made where something is refused.
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
    containers: scoresBlobs ? [inputContainer, outputContainer] : []
    principalId: identity.outputs.principalId
    callerId: callerId
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
    inputQueue: scoresMessages ? inputQueue : ''
    outputQueue: outputQueue
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

output AZURE_RESOURCE_GROUP string = group.name
output TRISCORE_APP string = functionAppName
output TRISCORE_URL string = functionApp.outputs.url
output TRISCORE_STORAGE string = storage.outputs.name
output TRISCORE_SERVICE_BUS string = needsBus ? serviceBus!.outputs.name : ''
output TRISCORE_INPUT_CONTAINER string = scoresBlobs ? inputContainer : ''
output TRISCORE_OUTPUT_CONTAINER string = scoresBlobs ? outputContainer : ''
output TRISCORE_INPUT_QUEUE string = scoresMessages ? inputQueue : ''
output TRISCORE_OUTPUT_QUEUE string = needsBus ? outputQueue : ''
output TRISCORE_OPEN_DOORS string = join(doors, ',')
