// Every limit of a manifest in one place; the reader enforces them and the schema shows them.

import Invocations

enum ManifestLimits {
  // The texts.
  static let filesMax = 1000
  static let fileBytesMax = 256 << 10
  static let functionsMax = 10_000
  /// Values in one document, aliases counted as often as they are used.
  static let nodesMax = 10_000
  static let depthMax = 32
  static let aliasesMax = 100
  /// With 100 aliases these keep what the YAML library builds below 5000 levels.
  static let bracketsBesideAliasesMax = 200
  static let indentBesideAliasesMax = 40
  /// Keys written twice in one document; the search for others stops there.
  static let duplicateKeysMax = 100

  // The values.
  static let nameBytes = 1...64
  static let handlerBytes = 1...128
  static let summaryBytes = 0...1000
  static let pathBytes = 1...256
  static let triggers = 1...50
  static let timeout = Duration.milliseconds(1)...Duration.seconds(86_400)
  static let concurrency = 1...10_000
  static let rateCount = 1...1_000_000
  static let batchSize = 1...BatchLimits.sizeMax
  static let batchWindow = Duration.milliseconds(1)...Duration.seconds(3_600)
  static let quiet = Duration.milliseconds(1)...Duration.seconds(86_400)
  static let atMost = Duration.milliseconds(1)...Duration.seconds(7 * 86_400)
  static let attempts = 1...100
  static let retryDelay = Duration.milliseconds(1)...Duration.seconds(86_400)
  static let factor = 1.0...10.0
  static let maxAge = Duration.seconds(1)...Duration.seconds(30 * 86_400)
  static let keep = Duration.seconds(1)...Duration.seconds(30 * 86_400)
  static let queueLimit = 1...10_000_000
  /// A frame to a worker holds 16 MiB; the last one is for everything that is not the payload.
  static let payloadBytes = 1...15 << 20
  /// A process of less does not even start.
  static let memoryBytes = (32 << 20)...(1 << 40)
  static let resultBytes = 1...FunctionLimits.resultBytesTop
  static let emitted = 0...FunctionLimits.emittedTop
  static let logLines = 0...FunctionLimits.logLinesTop
  static let logBytes = (1 << 10)...(64 << 20)
  static let every = Duration.milliseconds(100)...Duration.seconds(366 * 86_400)
  static let missedInstants = 1...100
  static let environmentEntries = 0...100
  /// Linux refuses a process one of whose variables is longer than 128 KiB.
  static let environmentValueBytes = 0...32 << 10
  static let secrets = 0...100
  static let fields = 0...8
  static let redact = 0...Redaction.pathsMax
  /// While one secret takes the place of another there are two.
  static let webhookSecrets = 1...8
  static let tolerance = Duration.seconds(1)...Duration.seconds(3600)
  static let history = Duration.seconds(60)...Duration.seconds(3650 * 86_400)
  static let historyCount = 100...1_000_000_000
  static let historyBytes = (1 << 20)...(1 << 40)
  static let routeBytes = 1...1024
  static let routeSegmentsMax = 64
}
