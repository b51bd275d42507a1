// Triscore in Azure: one function app with its three doors, and what they need.
// azd fills the parameters from its environment (main.parameters.json).
targetScope = 'subscription'

@minLength(1)
@maxLength(24)
@description('Name of the azd environment. The resource group is called rg-NAME.')
param environmentName string

@minLength(1)
@description('Region of everything. It must offer Flex Consumption and Azure Managed Redis.')
param location string

@description('Object id of whoever deploys. They may upload blobs, send messages and read results. Empty: nobody may but the app.')
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

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS'])
@description('How many copies the storage account keeps, and where.')
param storageSku string = 'Standard_LRS'

@description('Put storage, Service Bus, Redis and the app behind private endpoints. Takes serviceBusSku = Premium.')
param isolated bool = false

@description('Address range, as 203.0.113.0/24, from which an isolated app is deployed. Empty: nowhere outside the network.')
param deployerAddress string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
// What `python -m deploy package` was told: doors, containers, queues. The app reads the same file;
// what it leaves unsaid is the app's default (triggers/settings.py).
var package = any(loadJsonContent('../dist/app/settings.json'))
var triggers = package.?TRIGGERS ?? 'http,blob,servicebus'
var inputContainer = split(package.?INPUT_BLOB_PATH ?? 'scoring-input/{name}', '/')[0]
var outputContainer = package.?OUTPUT_CONTAINER ?? 'scoring-output'
var inputQueue = package.?INPUT_QUEUE_NAME ?? 'scoring-requests'
var outputQueue = package.?OUTPUT_QUEUE_NAME ?? 'scoring-results'
var networkName = isolated ? 'vnet-${token}' : ''
var functionAppName = 'func-${token}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
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
    containers: [inputContainer, outputContainer]
    principalId: identity.outputs.principalId
    callerId: callerId
    networkName: networkName
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  dependsOn: [network]
  params: {
    name: 'sb-${token}'
    location: location
    tags: tags
    sku: serviceBusSku
    inputQueue: inputQueue
    outputQueue: outputQueue
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
    serviceBusHost: serviceBus.outputs.host
    redisUrl: redis == 'managed' ? managedRedis!.outputs.url : redis == 'classic' ? classicRedis!.outputs.urlReference : ''
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
output TRISCORE_SERVICE_BUS string = serviceBus.outputs.name
output TRISCORE_INPUT_CONTAINER string = inputContainer
output TRISCORE_OUTPUT_CONTAINER string = outputContainer
output TRISCORE_INPUT_QUEUE string = inputQueue
output TRISCORE_OUTPUT_QUEUE string = outputQueue
output TRISCORE_OPEN_DOORS string = triggers
