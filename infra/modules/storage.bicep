// One storage account for the app's package and the files of the Functions host (keys, leases). For
// a blob trigger it also has the trigger's queues, and for it and for messages their containers.
param name string
param location string
param tags object
param sku string

param scoresBlobs bool

@description('Containers that the app and its users share. Empty: the app has neither a blob trigger nor messages.')
param containers string[]

@description('The one among them that the app writes to.')
param outputContainer string
param principalId string
param callerId string

@description('Days after which what is in the output container is deleted. 0: it is kept.')
param outputDays int

@description('The one among them with the blobs that messages name. Empty: the app has no messages.')
param claimContainer string

@description('Days after which what is in the container of claims is deleted. 0: it is kept.')
param claimDays int

@description('Name of the network of an isolated app. Empty: the account is reached over the internet.')
param networkName string

var isolated = !empty(networkName)
var packages = 'packages'
var undelivered = 'undelivered-events'
var outputExpiry = [{ name: 'outputs', container: outputContainer, days: outputDays }]
var claimExpiry = [{ name: 'claims', container: claimContainer, days: claimDays }]
var expiring = concat(
  empty(outputContainer) || outputDays == 0 ? [] : outputExpiry,
  empty(claimContainer) || claimDays == 0 ? [] : claimExpiry
)
var expires = !empty(expiring)

// The roles that Microsoft documents for the host's storage, and for a blob trigger.
var forHost = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
var queueContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var forBlobs = { 'Storage Queue Data Contributor': queueContributor }
var roles = scoresBlobs ? union(forHost, forBlobs) : forHost
var sendsRound = scoresBlobs && !empty(callerId)
var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var services = scoresBlobs ? ['blob', 'queue', 'table'] : ['blob', 'table']

resource account 'Microsoft.Storage/storageAccounts@2026-09-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  kind: 'StorageV2'
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-09-01' = {
  parent: account
  name: 'default'
}

// The shared containers come first: the caller's roles below use their indexes.
resource made 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-09-01' = [
  for container in concat(containers, [packages], scoresBlobs ? [undelivered] : []): {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

// Blobs are deleted so many days after they were written: scored blobs with their reports and large
// results of messages, and blobs that messages name. A storage account has one policy, and its name
// is always 'default'.
resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2026-09-01' = if (expires) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        for each in expiring: {
          name: each.name
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${each.container}/']
            }
            actions: {
              baseBlob: { delete: { daysAfterModificationGreaterThan: each.days } }
            }
          }
        }
      ]
    }
  }
}

resource granted 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    name: guid(account.id, principalId, role.key)
    scope: account
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        role.value
      )
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

// Storage Blob Data Contributor on the shared containers, not on the package.
resource callers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (container, index) in containers: if (!empty(callerId)) {
    name: guid(account.id, callerId, container)
    scope: made[index]
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        blobContributor
      )
      principalId: callerId
    }
  }
]

// The platform creates the poison queue when a blob's tries first run out. The role to list and to
// resend those blobs is assigned before that, so it covers the account.
resource poison 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (sendsRound) {
  name: guid(account.id, callerId, 'Storage Queue Data Contributor')
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      queueContributor
    )
    principalId: callerId
  }
}

module endpoints 'private-endpoint.bicep' = [
  for service in services: if (isolated) {
    name: 'storage-${service}'
    params: {
      name: 'pe-${name}-${service}'
      location: location
      tags: tags
      networkName: networkName
      targetId: account.id
      groupId: service
      zoneName: 'privatelink.${service}.${environment().suffixes.storage}'
    }
  }
]

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
output packagesUrl string = '${account.properties.primaryEndpoints.blob}${packages}'
