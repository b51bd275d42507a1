// An existing Azure Cache for Redis: TLS on port 6380, access key. Its address with the key is a
// secret in the vault. After the key is regenerated, provision again.
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
    // A key is Base64: its slashes would end the address early.
    value: 'rediss://:${uriComponent(cache.listKeys().primaryKey)}@${cache.properties.hostName}:${cache.properties.sslPort}/0'
  }
}

// Without a version, the reference means the newest one.
output urlReference string = '@Microsoft.KeyVault(SecretUri=${url.properties.secretUri})'
