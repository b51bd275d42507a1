// The workbook in the portal, under Application Insights: requests, times, errors, and the
// platform's metrics of what the app uses.
param name string
param location string
param tags object
param insightsId string
@description('Empty: none. The workbook shows no figures of it then.')
param busId string
param storageId string
param redisId string

var template = loadTextContent('../workbook.json')
var withInsights = replace(template, '{insights}', insightsId)
var withBus = replace(withInsights, '{bus}', busId)
var withStorage = replace(withBus, '{storage}', storageId)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, name)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: name
    category: 'workbook'
    sourceId: insightsId
    serializedData: replace(withStorage, '{redis}', redisId)
  }
}
