// The parts that several keys of the schema share: names, paths, lengths of time, timers.

import Invocations

extension ManifestSchema {
  private static let schemes = WebhookPolicy.Scheme.allCases
    .map { "\"\($0.rawValue)\"" }.joined(separator: ", ")

  static var definitions: String {
    #"""
        "name": {
          "type": "string",
          "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
          "minLength": \#(ManifestLimits.nameBytes.lowerBound),
          "maxLength": \#(ManifestLimits.nameBytes.upperBound)
        },
        "variable": {
          "type": "string",
          "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
          "maxLength": \#(ManifestLimits.handlerBytes.upperBound)
        },
        "path": {
          "description": "Names a value of the event: data.order.id, subject, id, time.",
          "type": "string",
          "pattern": "^(data(\\.[^.]+)*|[a-z0-9]+)$",
          "maxLength": \#(ManifestLimits.pathBytes.upperBound)
        },
        "duration": {
          "type": "string",
          "pattern": "^[0-9]+(ms|s|m|h|d)$"
        },
        "size": {
          "type": "string",
          "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)$"
        },
        "rate": {
          "type": "string",
          "pattern": "^[0-9]+/(s|min|h)$"
        },
        "batch": {
          "description": "Hands the handler many events at once.",
          "type": "object",
          "additionalProperties": false,
          "required": ["size"],
          "properties": {
            "size": {
              "description": "So many at most.",
              "type": "integer",
              "minimum": \#(ManifestLimits.batchSize.lowerBound),
              "maximum": \#(ManifestLimits.batchSize.upperBound)
            },
            "window": {
              "description": "How long the first one waits for others; \#
    \#(range(ManifestLimits.batchWindow)).",
              "default": "100ms",
              "$ref": "#/$defs/duration"
            }
          }
        },
        "limits": {
          "description": "What an attempt and its process may take.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "memory": {
              "description": "Of the worker process; above it it is replaced, above one and a half \#
    of it killed. \#(sizes(ManifestLimits.memoryBytes)).",
              "default": "1GiB",
              "$ref": "#/$defs/size"
            },
            "result": {
              "description": "Of what an attempt returns; \#(sizes(ManifestLimits.resultBytes)).",
              "default": "15MiB",
              "$ref": "#/$defs/size"
            },
            "emits": {
              "description": "Events of one attempt.",
              "type": "integer",
              "default": \#(FunctionLimits.emittedTop),
              "minimum": \#(ManifestLimits.emitted.lowerBound),
              "maximum": \#(ManifestLimits.emitted.upperBound)
            },
            "logLines": {
              "description": "Of one attempt, printed ones too; the rest is dropped.",
              "type": "integer",
              "default": \#(FunctionLimits.logLinesTop),
              "minimum": \#(ManifestLimits.logLines.lowerBound),
              "maximum": \#(ManifestLimits.logLines.upperBound)
            },
            "logSize": {
              "description": "Of all log lines of one attempt; \#(sizes(ManifestLimits.logBytes)).",
              "default": "16MiB",
              "$ref": "#/$defs/size"
            }
          }
        },
        "verify": {
          "description": "Whose signature a call of this route must have.",
          "type": "object",
          "additionalProperties": false,
          "required": ["scheme", "secret"],
          "properties": {
            "scheme": {
              "description": "How the sender signs.",
              "enum": [\#(schemes)]
            },
            "secret": {
              "description": "The name of a secret of the host; several while one replaces another.",
              "oneOf": [
                { "$ref": "#/$defs/variable" },
                {
                  "type": "array",
                  "minItems": \#(ManifestLimits.webhookSecrets.lowerBound),
                  "maxItems": \#(ManifestLimits.webhookSecrets.upperBound),
                  "uniqueItems": true,
                  "items": { "$ref": "#/$defs/variable" }
                }
              ]
            },
            "tolerance": {
              "description": "How old a call may be; \#(range(ManifestLimits.tolerance)). Not of github.",
              "default": "5m",
              "$ref": "#/$defs/duration"
            }
          }
        },
        "concurrencyLimit": {
          "type": "integer",
          "minimum": \#(ManifestLimits.concurrency.lowerBound),
          "maximum": \#(ManifestLimits.concurrency.upperBound)
        },
        "timer": {
          "description": "One of cron, every and at.",
          "type": "object",
          "additionalProperties": false,
          "oneOf": [{ "required": ["cron"] }, { "required": ["every"] }, { "required": ["at"] }],
          "dependentRequired": { "timezone": ["cron"] },
          "properties": {
            "cron": {
              "description": "Minute, hour, day, month, weekday; or @hourly and its kin.",
              "type": "string"
            },
            "every": {
              "description": "A fixed interval; \#(range(ManifestLimits.every)).",
              "$ref": "#/$defs/duration"
            },
            "at": {
              "description": "Once, such as 2027-01-01T00:00:00Z.",
              "type": "string",
              "format": "date-time"
            },
            "timezone": {
              "description": "Of 'cron', such as Europe/Berlin.",
              "type": "string",
              "default": "UTC"
            },
            "missed": {
              "description": "What becomes of instants that passed while no host was running.",
              "default": "latest",
              "oneOf": [
                { "enum": ["skip", "latest", "all"] },
                {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["all"],
                  "properties": {
                    "all": {
                      "description": "At most so many of them.",
                      "type": "integer",
                      "default": \#(ManifestLimits.missedInstants.upperBound),
                      "minimum": \#(ManifestLimits.missedInstants.lowerBound),
                      "maximum": \#(ManifestLimits.missedInstants.upperBound)
                    }
                  }
                }
              ]
            }
          }
        }
    """#
  }

  static func range(_ range: ClosedRange<Duration>) -> String {
    "\(ManifestForms.text(range.lowerBound))…\(ManifestForms.text(range.upperBound))"
  }

  static func sizes(_ range: ClosedRange<Int>) -> String {
    "\(ManifestForms.sizeText(range.lowerBound))–\(ManifestForms.sizeText(range.upperBound))"
  }
}
