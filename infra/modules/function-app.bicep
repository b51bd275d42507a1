// The function app: Flex Consumption, Python 3.13, one identity, no secret among its settings.
param name string
param location string
param tags object
param identityId string
param identityClientId string

@description('Connection string of Application Insights. It is no secret: to write there, the app signs in.')
param instrumentation string
param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param packagesUrl string
param scoresBlobs bool

@description('Host name of the Service Bus namespace. Empty: no trigger needs it.')
param serviceBusHost string
param requestDays int
param maxDeliveryCount int
param redisUrl string
param redisAuth string
param redisCluster bool
param appSettings object
param instanceMemoryMB int
param maximumInstanceCount int
param httpConcurrency int
param blobConcurrency int
param messageBatchSize int
param alwaysReadyHttp int
param alwaysReadyBlob int
param alwaysReadyMessages int

@description('Name of the network of an isolated app. Empty: the app is reached over the internet, with a key.')
param networkName string
param deployerAddress string

var isolated = !empty(networkName)

// Flex Consumption scales all HTTP functions as one group, and every other function by itself.
var alwaysReady = [
  { name: 'http', instanceCount: alwaysReadyHttp }
  { name: 'blob', instanceCount: alwaysReadyBlob }
  { name: 'function:score_messages', instanceCount: alwaysReadyMessages }
]

// Settings of Azure: the identity, the host's storage, and values of host.json by their names.
var platformSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  APPLICATIONINSIGHTS_CONNECTION_STRING: instrumentation
  AZURE_CLIENT_ID: identityClientId
  AzureFunctionsJobHost__extensions__blobs__maxDegreeOfParallelism: string(blobConcurrency)
  AzureFunctionsJobHost__extensions__serviceBus__maxMessageBatchSize: string(messageBatchSize)
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
}

// Settings of the app: together with the package's settings.json they are all that the app reads
// (tests/deploy/test_infra.py). An app setting takes precedence over the package's.
var scoringSettings = {
  ALLOW_UNPINNED_MODEL: 'false'
  BLOB_DROP_COLUMNS: ''
  BLOB_IGNORE_COLUMNS: ''
  BLOB_KEEP_COLUMNS: ''
  BLOB_OUTPUT: 'predictions'
  BLOB_OUTPUT_FORMAT: ''
  BLOB_SOURCE: 'EventGrid'
  CACHE_MODE: 'auto'
  CACHE_TIMEOUT_MS: '50'
  CACHE_TTL_S: '3600'
  CONSOLE: 'false'
  ERROR_COLUMN: 'error'
  ERROR_THRESHOLD: '-1'
  // A quarter of an instance's memory.
  MAX_BODIES_IN_WORK_BYTES: string(instanceMemoryMB * 262144)
  MAX_BODY_BYTES: '104857600'
  MAX_DELIVERY_COUNT: string(maxDeliveryCount)
  MAX_ROWS: '100000'
  MESSAGE_SETTLEMENT: 'batch'
  MESSAGE_TTL_S: string(requestDays * 86400)
  NEAR_CACHE_BYTES: '67108864'
  PREDICTION_COLUMN: 'prediction'
  PROBABILITY_PREFIX: 'probability_'
  REDIS_AUTH: redisAuth
  REDIS_CLUSTER: redisCluster ? 'true' : 'false'
  REDIS_URL: redisUrl
  REQUEST_LOG: 'off'
  RESULT_TTL_S: '86400'
  SCORING_TIMEOUT_S: '60'
  SHOW_SCRIPT_ERRORS: 'false'
}

// Only connections that the triggers need. The result document of a blob goes to a queue, and a
// large result of a message to a blob.
var storageSettings = {
  ScoringStorage__blobServiceUri: blobEndpoint
  ScoringStorage__clientId: identityClientId
  ScoringStorage__credential: 'managedidentity'
  ScoringStorage__queueServiceUri: queueEndpoint
}
var serviceBusSettings = {
  ServiceBusConnection__clientId: identityClientId
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__fullyQualifiedNamespace: serviceBusHost
}

// Who reaches an isolated app over the internet: Event Grid, which cannot use a private endpoint,
// and the deployer's addresses. All other callers use the private endpoint.
var news = [
  {
    name: 'event-grid'
    action: 'Allow'
    priority: 100
    tag: 'ServiceTag'
    ipAddress: 'AzureEventGrid'
  }
]
var deployer = [
  {
    name: 'deployer'
    action: 'Allow'
    priority: 200
    tag: 'Default'
    ipAddress: deployerAddress
  }
]
var deployers = empty(deployerAddress) ? [] : deployer
var visitors = concat(scoresBlobs ? news : [], deployers)

resource network 'Microsoft.Network/virtualNetworks@2026-03-01' existing = if (isolated) {
  name: networkName
  resource app 'subnets' existing = {
    name: 'app'
  }
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'score' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: isolated ? network::app.id : null
    siteConfig: {
      minTlsVersion: '1.2'
      // The page Code + Test of the portal calls the app from the browser.
      cors: { allowedOrigins: ['https://portal.azure.com'] }
      ipSecurityRestrictionsDefaultAction: isolated ? 'Deny' : 'Allow'
      ipSecurityRestrictions: isolated ? visitors : []
      scmIpSecurityRestrictionsDefaultAction: isolated ? 'Deny' : 'Allow'
      scmIpSecurityRestrictions: isolated ? deployers : []
    }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: filter(alwaysReady, each => each.instanceCount > 0)
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    platformSettings,
    scoringSettings,
    empty(serviceBusHost) ? {} : storageSettings,
    empty(serviceBusHost) ? {} : serviceBusSettings,
    appSettings
  )
}

// No publishing with a password: azd signs in as the person who runs it.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

module endpoint 'private-endpoint.bicep' = if (isolated) {
  name: 'app-endpoint'
  params: {
    name: 'pe-${name}'
    location: location
    tags: tags
    networkName: networkName
    targetId: app.id
    groupId: 'sites'
    zoneName: 'privatelink.azurewebsites.net'
  }
}

output url string = 'https://${app.properties.defaultHostName}'
