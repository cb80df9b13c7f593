// The schema and the reader know the same keys and limits.

import Foundation
import Invocations
import Testing

@testable import Manifests

struct ManifestSchemaTests {
  private typealias Schema = [String: Any]

  private func schema() throws -> Schema {
    let parsed = try JSONSerialization.jsonObject(with: Data(ManifestSchema.json.utf8))
    return try #require(parsed as? Schema)
  }

  /// The schema at these keys, of a mapping where there is a choice.
  private func part(_ path: String..., of schema: Schema) throws -> Schema {
    try path.reduce(schema) { part, key in
      let next = try #require(part[key] as? Schema, "\(key)")
      let choices = next["oneOf"] as? [Schema] ?? []
      return choices.first { $0["properties"] != nil } ?? next
    }
  }

  private func keys(_ schema: Schema) throws -> Set<String> {
    #expect(schema["additionalProperties"] as? Bool == false)
    return Set(try #require(schema["properties"] as? Schema).keys)
  }

  @Test func `the schema has exactly the keys that the reader knows`() throws {
    let root = try schema()
    #expect(try keys(root) == Set(ManifestKeys.function))
    let trigger = try part("properties", "triggers", "items", of: root)
    #expect(try keys(trigger) == Set(ManifestKeys.trigger))
    let timer = try #require((root["$defs"] as? Schema)?["timer"] as? Schema)
    #expect(try keys(timer) == Set(ManifestKeys.timer))
    #expect(try keys(part("properties", "missed", of: timer)) == Set(ManifestKeys.missed))
    let verify = try #require((root["$defs"] as? Schema)?["verify"] as? Schema)
    #expect(try keys(verify) == Set(ManifestKeys.verify))
    let schemes = try part("properties", "scheme", of: verify)["enum"] as? [String]
    #expect(schemes == WebhookPolicy.Scheme.allCases.map(\.rawValue))
    let mappings = [
      ("concurrency", ManifestKeys.concurrency), ("rate", ManifestKeys.rate),
      ("retry", ManifestKeys.retry), ("idempotency", ManifestKeys.idempotency),
    ]
    for (name, known) in mappings {
      #expect(try keys(part("properties", name, of: root)) == Set(known))
    }
  }

  @Test func `every key has a description, its own or that of its definition`() throws {
    let root = try schema()
    let definitions = try #require(root["$defs"] as? Schema)
    func check(_ part: Schema) {
      for (name, value) in part["properties"] as? Schema ?? [:] {
        let value = value as? Schema ?? [:]
        let reference = (value["$ref"] as? String)?.split(separator: "/").last.map(String.init)
        let definition = reference.flatMap { definitions[$0] as? Schema }
        #expect(value["description"] ?? definition?["description"] != nil, "\(name)")
        check(value)
        for choice in value["oneOf"] as? [Schema] ?? [] { check(choice) }
        if let items = value["items"] as? Schema { check(items) }
      }
    }
    check(root)
    check(try #require(definitions["timer"] as? Schema))
    check(try #require(definitions["verify"] as? Schema))
  }

  @Test func `every reference is defined`() throws {
    let definitions = try #require(schema()["$defs"] as? Schema)
    for part in ManifestSchema.json.split(separator: "#/$defs/").dropFirst() {
      let name = String(part.prefix { $0 != "\"" })
      #expect(definitions[name] != nil, "\(name)")
    }
  }

  @Test func `defaults and limits are those of the reader`() throws {
    let properties = try part("properties", of: schema())
    let queueLimit = try part("queueLimit", of: properties)
    #expect(queueLimit["default"] as? Int == 100_000)
    #expect(queueLimit["maximum"] as? Int == ManifestLimits.queueLimit.upperBound)
    let attempts = try part("retry", "properties", "attempts", of: properties)
    #expect(attempts["minimum"] as? Int == 1)
    #expect(attempts["maximum"] as? Int == 100)
    let defaults = try declaration(
      with: "timeout: 30s\nqueueLimit: 100000\npayloadLimit: 1MiB\nretry: { first: 1s, max: 5m }")
    #expect(defaults == (try declaration(with: "")))
  }
}
