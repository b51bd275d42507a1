// Azure Managed Redis: TLS on port 10000, sign-in with an identity only.
param name string
param location string
param tags object
param sku string
param clusteringPolicy string
param highAvailability bool
param principalId string

@description('Name of the network of an isolated app. Empty: the cache is reached over the internet.')
param networkName string

var isolated = !empty(networkName)
var port = 10000

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    highAvailability: highAvailability ? 'Enabled' : 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    port: port
    clientProtocol: 'Encrypted'
    clusteringPolicy: clusteringPolicy
    // A full cache evicts the keys that were not used for the longest time.
    evictionPolicy: 'VolatileLRU'
    accessKeysAuthentication: 'Disabled'
  }
}

// `default` is the data access policy: all commands on all keys, no management.
resource access 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  parent: database
  name: 'app'
  properties: {
    accessPolicyName: 'default'
    user: { objectId: principalId }
  }
}

module endpoint 'private-endpoint.bicep' = if (isolated) {
  name: 'redis-endpoint'
  params: {
    name: 'pe-${name}'
    location: location
    tags: tags
    networkName: networkName
    targetId: cluster.id
    groupId: 'redisEnterprise'
    zoneName: 'privatelink.redis.azure.net'
  }
}

output id string = cluster.id
output url string = 'rediss://${cluster.properties.hostName}:${port}'
