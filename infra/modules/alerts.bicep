// Alerts on what Application Insights and the platform know in any case. Without an e-mail address
// they fire in the portal alone.
param token string
param location string
param tags object
param email string
param insightsId string
@description('Empty: no alert on dead letters.')
param busId string

var toGroup = empty(email) ? [] : [group.id]
var checks = [
  {
    name: 'failures'
    text: 'More than 5 % of the calls of a function fail. Errors of callers over HTTP (4xx) are not among them.'
    severity: 1
    query: 'requests | summarize failed = 100.0 * sumif(itemCount, success == false and not(resultCode startswith "4")) / sum(itemCount), calls = sum(itemCount) by operation_Name | where calls > 20'
    column: 'failed'
    over: 5
  }
  {
    name: 'slow'
    text: '1 % of the requests over HTTP take longer than 2 s.'
    severity: 2
    query: 'requests | where operation_Name in ("score", "v2_infer") | summarize p99 = percentile(duration, 99) by operation_Name'
    column: 'p99'
    over: 2000
  }
  {
    name: 'no-attempt-left'
    text: 'Inputs have no attempt left: they are in the dead-letter or poison queue. triscore requeue sends them again.'
    severity: 2
    query: 'traces | where message has "no attempt is left" or message has "is given up" | summarize inputs = sum(itemCount)'
    column: 'inputs'
    over: 0
  }
  {
    name: 'model'
    text: 'The model does not load, or calls of it hang.'
    severity: 1
    query: 'traces | where message startswith "the model did not load" or message has "its thread is abandoned" | summarize lines = sum(itemCount)'
    column: 'lines'
    over: 0
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'triscore'
    enabled: true
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource queries 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for check in checks: {
    name: 'triscore-${check.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Triscore: ${check.name}'
      description: check.text
      severity: check.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: check.query
            timeAggregation: 'Maximum'
            metricMeasureColumn: check.column
            operator: 'GreaterThan'
            threshold: check.over
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: toGroup }
    }
  }
]

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = if (!empty(busId)) {
  name: 'triscore-dead-letters-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'The dead-letter queue holds messages. triscore requeue sends them again.'
    severity: 2
    enabled: true
    scopes: [busId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [
      for id in toGroup: { actionGroupId: id }
    ]
  }
}
