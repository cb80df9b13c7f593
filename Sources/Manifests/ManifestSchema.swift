// The manifest's keys as a JSON Schema, for editors that complete and check while one types. It
// knows less than the reader: nothing of other manifests, calendars or the worker.

package enum ManifestSchema {
  /// JSON Schema, draft 2020-12, of one document.
  package static var json: String {
    #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "Apus manifest",
      "description": "One function: what triggers it and how it runs.",
      "type": "object",
      "additionalProperties": false,
      "required": ["function", "triggers"],
      "properties": {
    \#(identity),
    \#(triggers),
    \#(starting),
    \#(failing),
    \#(process)
      },
      "$defs": {
    \#(definitions)
      }
    }
    """#
  }

  static var identity: String {
    #"""
        "function": {
          "description": "The function's name, unique among the manifests.",
          "$ref": "#/$defs/name"
        },
        "handler": {
          "description": "The handler in the worker. Default: the name in UpperCamelCase.",
          "type": "string",
          "pattern": "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$",
          "maxLength": \#(ManifestLimits.handlerBytes.upperBound)
        },
        "description": {
          "description": "What the function is for.",
          "type": "string",
          "default": "",
          "maxLength": \#(ManifestLimits.summaryBytes.upperBound)
        }
    """#
  }

  static var triggers: String {
    #"""
        "triggers": {
          "description": "Whose events the function receives: one or more, in any mix.",
          "type": "array",
          "minItems": \#(ManifestLimits.triggers.lowerBound),
          "maxItems": \#(ManifestLimits.triggers.upperBound),
          "items": {
            "type": "object",
            "additionalProperties": false,
            "oneOf": [
              { "required": ["queue"] }, { "required": ["timer"] }, { "required": ["http"] }
            ],
            "dependentRequired": { "batch": ["queue"], "verify": ["http"] },
            "properties": {
              "queue": {
                "description": "Messages of this queue; a queue triggers one function.",
                "$ref": "#/$defs/name"
              },
              "timer": { "$ref": "#/$defs/timer" },
              "http": {
                "description": "Requests of this route, such as POST /payments/{orderId}.",
                "type": "string",
                "pattern": "^(\#(RouteForm.methods.joined(separator: "|"))) +/[^ ?#]*$",
                "maxLength": \#(ManifestLimits.routeBytes.upperBound + 8)
              },
              "batch": { "$ref": "#/$defs/batch" },
              "verify": { "$ref": "#/$defs/verify" }
            }
          }
        }
    """#
  }

  static var starting: String {
    #"""
        "concurrency": {
          "description": "How many attempts run at once.",
          "default": 16,
          "oneOf": [
            { "$ref": "#/$defs/concurrencyLimit" },
            {
              "type": "object",
              "additionalProperties": false,
              "dependentRequired": { "limitPer": ["per"] },
              "properties": {
                "limit": {
                  "description": "For the whole function.",
                  "default": 16,
                  "$ref": "#/$defs/concurrencyLimit"
                },
                "per": {
                  "description": "Count apart for each value of this path.",
                  "$ref": "#/$defs/path"
                },
                "limitPer": {
                  "description": "For each value of 'per'.",
                  "default": 1,
                  "$ref": "#/$defs/concurrencyLimit"
                }
              }
            }
          ]
        },
        "rate": {
          "description": "How many attempts may start in a period.",
          "oneOf": [
            { "$ref": "#/$defs/rate" },
            {
              "type": "object",
              "additionalProperties": false,
              "required": ["limit"],
              "properties": {
                "limit": {
                  "description": "Tokens and the period in which they come back.",
                  "$ref": "#/$defs/rate"
                },
                "burst": {
                  "description": "Tokens in the full bucket. Default: the count of 'limit'.",
                  "type": "integer",
                  "minimum": \#(ManifestLimits.rateCount.lowerBound),
                  "maximum": \#(ManifestLimits.rateCount.upperBound)
                },
                "per": {
                  "description": "A bucket for each value of this path.",
                  "$ref": "#/$defs/path"
                }
              }
            }
          ]
        },
        "order": {
          "description": "One at a time and in order for each value of this path.",
          "$ref": "#/$defs/path"
        },
        "priority": {
          "description": "Which of the waiting events go first; none is ever starved. A message may \#
    bring its own.",
          "enum": ["high", "normal", "low"],
          "default": "normal"
        },
        "batch": { "$ref": "#/$defs/batch" },
        "debounce": {
          "description": "Runs the last event when none has come for a quiet time.",
          "type": "object",
          "additionalProperties": false,
          "required": ["for"],
          "properties": {
            "per": {
              "description": "Apart for each value of this path. Default: all events are one.",
              "$ref": "#/$defs/path"
            },
            "for": {
              "description": "The quiet time; \#(range(ManifestLimits.quiet)).",
              "$ref": "#/$defs/duration"
            },
            "atMost": {
              "description": "After the first event, whatever comes; \#
    \#(range(ManifestLimits.atMost)).",
              "$ref": "#/$defs/duration"
            }
          }
        },
        "timeout": {
          "description": "Of one attempt; \#(range(ManifestLimits.timeout)).",
          "default": "30s",
          "$ref": "#/$defs/duration"
        },
        "queueLimit": {
          "description": "Accepted and unfinished invocations; more are refused with 429.",
          "type": "integer",
          "default": 100000,
          "minimum": \#(ManifestLimits.queueLimit.lowerBound),
          "maximum": \#(ManifestLimits.queueLimit.upperBound)
        },
        "payloadLimit": {
          "description": "Of one event's data; at most \#
    \#(ManifestForms.sizeText(ManifestLimits.payloadBytes.upperBound)).",
          "default": "1MiB",
          "$ref": "#/$defs/size"
        },
        "limits": { "$ref": "#/$defs/limits" }
    """#
  }

  static var failing: String {
    #"""
        "retry": {
          "description": "When a failed attempt is tried again.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "attempts": {
              "description": "Allowed in all; 1 never retries. HTTP calls make one by default.",
              "type": "integer",
              "default": 3,
              "minimum": \#(ManifestLimits.attempts.lowerBound),
              "maximum": \#(ManifestLimits.attempts.upperBound)
            },
            "first": {
              "description": "Wait after the first failure; \#(range(ManifestLimits.retryDelay)).",
              "default": "1s",
              "$ref": "#/$defs/duration"
            },
            "factor": {
              "description": "By which the wait grows with each failure.",
              "type": "number",
              "default": 2,
              "minimum": \#(Int(ManifestLimits.factor.lowerBound)),
              "maximum": \#(Int(ManifestLimits.factor.upperBound))
            },
            "max": {
              "description": "The longest wait; \#(range(ManifestLimits.retryDelay)).",
              "default": "5m",
              "$ref": "#/$defs/duration"
            },
            "jitter": {
              "description": "How much of the wait is left to chance.",
              "enum": ["none", "equal", "full"],
              "default": "full"
            },
            "maxAge": {
              "description": "Since acceptance; no attempt starts later; \#
    \#(range(ManifestLimits.maxAge)).",
              "default": "6h",
              "$ref": "#/$defs/duration"
            }
          }
        },
        "idempotency": {
          "description": "One key, one run, one stored result.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "key": {
              "description": "Default: the event's source and id, or the header Idempotency-Key.",
              "$ref": "#/$defs/path"
            },
            "keep": {
              "description": "How long a key is remembered; \#(range(ManifestLimits.keep)).",
              "default": "24h",
              "$ref": "#/$defs/duration"
            },
            "required": {
              "description": "Whether an HTTP call without a key is refused.",
              "type": "boolean",
              "default": false
            },
            "whenRunning": {
              "description": "A repeat while the first runs is refused, or waits and shares the \#
    result (join).",
              "enum": ["reject", "join"],
              "default": "reject"
            }
          }
        },
        "deadLetter": {
          "description": "The queue that dead letters go to. Default: they stay in the store.",
          "$ref": "#/$defs/name"
        },
        "onCrash": {
          "description": "What becomes of an invocation whose handler crashed its worker; hold \#
    keeps it for an operator.",
          "enum": ["retry", "hold", "dead-letter"],
          "default": "retry"
        }
    """#
  }

  static var process: String {
    #"""
        "environment": {
          "description": "Variables of the handler's process, always as text.",
          "type": "object",
          "default": {},
          "maxProperties": \#(ManifestLimits.environmentEntries.upperBound),
          "propertyNames": { "$ref": "#/$defs/variable" },
          "additionalProperties": {
            "type": ["string", "number", "boolean"],
            "maxLength": \#(ManifestLimits.environmentValueBytes.upperBound)
          }
        },
        "secrets": {
          "description": "Variables that the host reads from its environment; never logged.",
          "type": "array",
          "default": [],
          "maxItems": \#(ManifestLimits.secrets.upperBound),
          "uniqueItems": true,
          "items": { "$ref": "#/$defs/variable" }
        },
        "worker": {
          "description": "A worker process shared with other functions, or one of its own.",
          "enum": ["shared", "dedicated"],
          "default": "shared"
        },
        "durability": {
          "description": "What an acknowledged event outlives: a power loss, the process, nothing.",
          "enum": ["disk", "os", "memory"],
          "default": "disk"
        },
        "fields": {
          "description": "Values of the event by which its invocations are found at once.",
          "type": "array",
          "default": [],
          "maxItems": \#(ManifestLimits.fields.upperBound),
          "uniqueItems": true,
          "items": { "$ref": "#/$defs/path" }
        },
        "redact": {
          "description": "Values of events and results that are not shown: data.card, result.token.",
          "type": "array",
          "default": [],
          "maxItems": \#(ManifestLimits.redact.upperBound),
          "uniqueItems": true,
          "items": {
            "type": "string",
            "pattern": "^(data|result)(\\.[^.]+)*$",
            "maxLength": \#(ManifestLimits.pathBytes.upperBound)
          }
        },
        "keep": {
          "description": "How long, and how much of, what has ended stays in the record.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "succeeded": {
              "description": "Of succeeded and cancelled ones; \#(range(ManifestLimits.history)).",
              "$ref": "#/$defs/duration"
            },
            "dead": {
              "description": "Of dead ones; \#(range(ManifestLimits.history)).",
              "$ref": "#/$defs/duration"
            },
            "count": {
              "description": "At most so many succeeded and cancelled ones; the oldest go.",
              "type": "integer",
              "minimum": \#(ManifestLimits.historyCount.lowerBound),
              "maximum": \#(ManifestLimits.historyCount.upperBound)
            },
            "size": {
              "description": "At most so many bytes of events and results that ended well.",
              "$ref": "#/$defs/size"
            }
          }
        }
    """#
  }
}
