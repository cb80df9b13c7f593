// The triggers: queue, timer, HTTP route. A timer that can never fire is found here, because only
// here its expression is at hand with its place.

import Invocations
import Schedules

extension FunctionReader {
  mutating func readTriggers(from fields: ManifestFields, into draft: inout FunctionDraft) {
    if fields.lacks("triggers") {
      note("'triggers' is missing: a function needs at least one", at: fields.location)
    }
    guard let field = fields["triggers"] else { return }
    guard case .list(let items) = field.value.content else {
      expected("a list such as [{ queue: payments }]", field)
      return
    }
    guard allows(items.count, of: field, in: ManifestLimits.triggers) else { return }
    for item in items {
      if let (trigger, location) = trigger(item, into: &draft) {
        draft.declaration.triggers.append(trigger)
        draft.triggerLocations.append(location)
      }
    }
  }

  private mutating func trigger(
    _ item: YAMLValue, into draft: inout FunctionDraft
  ) -> (Trigger, ManifestLocation)? {
    guard case .mapping = item.content else {
      note(
        "a trigger is one of 'queue: NAME', 'timer: { … }' and 'http: METHOD /path'; got "
          + item.shown, at: item.location)
      return nil
    }
    let fields = fields(of: item, path: "triggers", known: ManifestKeys.trigger)
    let given = ManifestKeys.source.compactMap { fields[$0] }
    if let batch = fields["batch"] { readBatch(batch, into: &draft) }
    guard given.count == 1, let field = given.first else {
      if given.count > 1 || fields.byName.isEmpty && fields.suggested.isEmpty {
        let names = given.isEmpty ? "none" : given.map(\.name).joined(separator: " and ")
        let rule = "a trigger has exactly one of queue, timer and http; got \(names)"
        note(rule + (given.isEmpty ? "" : " (begin each with '-')"), at: item.location)
      }
      return nil
    }
    let trigger = trigger(field)
    if let verify = fields["verify"] { readWebhook(verify, of: field, trigger, into: &draft) }
    return trigger.map { ($0, field.value.location) }
  }

  private mutating func trigger(_ field: ManifestField) -> Trigger? {
    switch field.name {
    case "queue": name(field, "a queue's name").map(Trigger.queue)
    case "timer": timer(field).map(Trigger.timer)
    default: route(field).map(Trigger.http)
    }
  }
}

extension FunctionReader {
  private mutating func timer(_ field: ManifestField) -> TimerTrigger? {
    guard let parts = mapping(field, known: ManifestKeys.timer) else { return nil }
    let missed = missed(parts["missed"])
    let rules = ["cron", "every", "at"].compactMap { parts[$0] }
    guard rules.count == 1, let rule = rules.first else {
      guard rules.count > 1 || parts.lacks("cron", "every", "at") else { return nil }
      let names = rules.isEmpty ? "none" : rules.map(\.name).joined(separator: " and ")
      note("a timer has exactly one of cron, every and at; got \(names)", at: parts.location)
      return nil
    }
    if rule.name != "cron", let zone = parts["timezone"] {
      note("'timezone' only goes with 'cron'", at: zone.keyLocation)
    }
    switch rule.name {
    case "cron": return cron(rule, timezone: parts["timezone"], missed: missed)
    case "every":
      return duration(rule, in: ManifestLimits.every).map {
        TimerTrigger(rule: .every($0), missed: missed)
      }
    default: return instant(rule, missed: missed)
    }
  }

  private mutating func cron(
    _ field: ManifestField, timezone: ManifestField?, missed: TimerTrigger.Missed
  ) -> TimerTrigger? {
    let zone = zone(timezone)
    guard let text = text(field, "a cron expression such as \"*/5 * * * *\"") else { return nil }
    do throws(CronError) {
      let expression = try CronExpression(parsing: text)
      guard expression.canFire else {
        note("'cron' can never fire: no year has such a minute", at: field.value.location)
        return nil
      }
    } catch {
      var place = field.value.textLocation ?? field.value.location
      if field.value.textLocation != nil { place.column += error.column - 1 }
      note("'cron': \(error.message)", at: place)
      return nil
    }
    return TimerTrigger(rule: .cron(expression: text, timezone: zone), missed: missed)
  }

  private mutating func zone(_ field: ManifestField?) -> String {
    guard let field, let name = text(field, "a time zone such as Europe/Berlin") else {
      return "UTC"
    }
    do throws(TimeZoneError) {
      _ = try TimeZoneRules.named(name)
    } catch {
      note("'timezone': \(error.message)", at: field.value.location)
    }
    return name
  }

  private mutating func instant(
    _ field: ManifestField, missed: TimerTrigger.Missed
  ) -> TimerTrigger? {
    let form = "an instant such as 2027-01-01T00:00:00Z"
    guard let text = text(field, form) else { return nil }
    do throws(RFC3339Error) {
      let instant = WallTime(milliseconds: try CivilTime.parseRFC3339(text))
      if missed == .skip, hasPassed(instant) {
        note(
          "'at' can never fire: it has passed, and 'missed' is skip", at: field.value.location)
      }
      return TimerTrigger(rule: .at(instant), missed: missed)
    } catch {
      note("'at': expected \(form): \(error.message)", at: field.value.location)
      return nil
    }
  }

  private mutating func missed(_ field: ManifestField?) -> TimerTrigger.Missed {
    guard let field else { return .latest }
    let range = ManifestLimits.missedInstants
    if case .mapping = field.value.content {
      guard let parts = mapping(field, known: ManifestKeys.missed) else { return .latest }
      if parts.lacks("all") { expected("{ all: 20 }", field) }
      return integer(parts["all"], in: range).map { .all(max: $0) } ?? .latest
    }
    return switch choice(field, of: ["skip", "latest", "all"]) {
    case "skip": .skip
    case "all": .all(max: range.upperBound)
    default: .latest
    }
  }
}

extension FunctionReader {
  private mutating func route(_ field: ManifestField) -> HTTPRoute? {
    guard let text = text(field, "a route such as POST /payments/{orderId}") else { return nil }
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 2, let method = words.first, let pattern = words.last else {
      expected("a route such as POST /payments/{orderId}", field)
      return nil
    }
    let faults = [RouteForm.fault(ofMethod: method), RouteForm.fault(ofPattern: pattern)]
    for fault in faults.compactMap(\.self) { note("'http': \(fault)", at: field.value.location) }
    guard faults.allSatisfy({ $0 == nil }) else { return nil }
    return HTTPRoute(method: method, pattern: pattern)
  }
}
