// What a caller may prefer (RFC 7240).

import Testing

@testable import Doors

struct PreferenceTests {
  @Test(
    arguments: [
      (["wait=5"], Duration.seconds(5), false), (["wait=\"1\""], .seconds(1), false),
      (["respond-async"], nil, true), (["Respond-Async, wait=10"], .seconds(10), false),
      (["respond-async, wait=0"], .seconds(0), true), (["wait=99999"], .seconds(3600), false),
      (["respond-async;x=1"], nil, true), (["wait=5", "wait=9"], .seconds(5), false),
    ] as [([String], Duration?, Bool)])
  func `wait and respond-async are heeded`(values: [String], wait: Duration?, isAtOnce: Bool) {
    let preference = Preference(values)
    #expect(preference.wait == wait)
    #expect(preference.isAnsweredAtOnce == isAtOnce)
  }

  @Test(arguments: ["wait=abc", "wait=-1", "wait=", "handling=lenient", ""])
  func `what cannot be read is as if it had not been sent`(value: String) {
    let preference = Preference([value])
    #expect(preference.wait == nil && !preference.isAnsweredAtOnce)
  }
}
