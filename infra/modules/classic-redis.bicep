// An Azure Cache for Redis that is there already: TLS on port 6380, access key. Its whole address
// is a secret in the vault. Provision again after the key was regenerated.
param redisName string
param redisResourceGroup string
param vaultName string

resource cache 'Microsoft.Cache/redis@2024-11-01' existing = {
  name: redisName
  scope: resourceGroup(redisResourceGroup)
}

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: vaultName
}

resource url 'Microsoft.KeyVault/vaults/secrets@2026-05-15' = {
  parent: vault
  name: 'redis-url'
  properties: {
    // A key is base64: its slashes would end the address early.
    value: 'rediss://:${uriComponent(cache.listKeys().primaryKey)}@${cache.properties.hostName}:${cache.properties.sslPort}/0'
  }
}

// Without a version: the newest one counts.
output urlReference string = '@Microsoft.KeyVault(SecretUri=${url.properties.secretUri})'
