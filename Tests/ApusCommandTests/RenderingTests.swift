// What people read: tables, times, answers, stories, reasons.

import Invocations
import Testing

@testable import ApusCommand

private let now = WallTime(milliseconds: 1_800_000_000_000)  // 2027-01-15T08:00:00Z
private let plain = Presentation(ink: .plain, now: now, columnsMax: nil)

struct TimeWordsTests {
  @Test(
    arguments: [
      (0, "now"), (999, "now"), (1000, "1s ago"), (59_999, "59s ago"), (180_000, "3m ago"),
      (7_200_000, "2h ago"), (172_800_000, "2d ago"), (-4000, "in 4s"), (-90_000, "in 1m"),
    ] as [(Int64, String)])
  func `a time is told from now`(distance: Int64, words: String) {
    let time = WallTime(milliseconds: now.milliseconds - distance)
    #expect(TimeWords.relative(time, to: now) == words)
  }

  @Test(
    arguments: [
      (-5, "0ms"), (0, "0ms"), (999, "999ms"), (1250, "1.2s"), (59_999, "59.9s"), (60_000, "1m 0s"),
      (123_000, "2m 3s"), (12_000_000, "3h 20m"),
    ] as [(Int64, String)])
  func `a length has the unit that fits`(milliseconds: Int64, words: String) {
    #expect(TimeWords.length(milliseconds: milliseconds) == words)
  }

  @Test func `a duration is read as in a manifest`() {
    #expect(TimeWords.duration("250ms") == .milliseconds(250))
    #expect(TimeWords.duration("7d") == .seconds(604_800))
    for bad in ["", "5", "s", "-1s", "1.5s", "1 s", "1w", "9223372036854775807d"] {
      #expect(TimeWords.duration(bad) == nil, "\(bad)")
    }
  }

  @Test func `the clock on the wall is ahead of UTC by its offset`() {
    let time = WallTime(milliseconds: now.milliseconds + 7250)
    #expect(TimeWords.clock(time, offsetSeconds: 3600) == "09:00:07.250")
    #expect(TimeWords.clock(time, offsetSeconds: -9 * 3600) == "23:00:07.250")
  }
}

struct TableTests {
  private func table() -> Table {
    var table = Table(["NAME", "N", "WHY"], numbers: [1])
    table.add(["a", "7", "short"])
    table.add([Table.Cell("longer", .red), "1234", "a longer reason\nwith two lines"])
    return table
  }

  @Test func `columns stand under each other and numbers at the right`() {
    #expect(
      table().lines(.plain) == [
        "NAME       N  WHY", "a          7  short", "longer  1234  a longer reason with two lines",
      ])
  }

  @Test func `the last column is cut to the terminal`() {
    let lines = table().lines(.plain, columnsMax: 28)
    #expect(lines.last == "longer  1234  a longer reas…")
    #expect(lines.allSatisfy { $0.count <= 28 })
  }

  @Test func `colours go around the text and not around the room beside it`() {
    let lines = table().lines(Ink(isColoured: true))
    #expect(lines[2].hasPrefix("\u{1B}[31mlonger\u{1B}[0m  1234"))
  }
}

struct AnswerTests {
  private let answer = Answer(
    #"{"a":{"b":"x\n"},"n":2.0,"t":"2027-01-15T08:00:00.000Z","z":null,"l":[{"i":1},{"i":2}],"s":["p","q"],"m":{"k":"v","w":3}}"#
  )

  @Test func `values are found by their paths`() {
    #expect(answer["a.b"] == "x\n")
    #expect(answer["z"] == nil && answer["missing.too"] == nil)
    #expect(answer.number("n") == 2)
    #expect(answer.time("t") == now)
    #expect(answer.time("a.b") == nil)
    #expect(answer.list("l").map { $0.number("i") } == [1, 2])
    #expect(answer.texts("s") == ["p", "q"])
    #expect(answer.members("m").map { "\($0.name)=\($0.text)" } == ["k=v", "w=3"])
    #expect(answer.list("m").isEmpty && answer.members("l").isEmpty)
  }

  @Test func `JSON is laid out over lines`() {
    let json = #"{"a":[1,{"b":"x,{\"}"}],"e":{},"l":[]}"#
    #expect(
      PrettyJSON.lines(Array(json.utf8)) == [
        "{", "  \"a\": [", "    1,", "    {", #"      "b": "x,{\"}""#, "    }", "  ],",
        "  \"e\": {},", "  \"l\": []", "}",
      ])
  }
}

struct ListingTests {
  @Test func `invocations are a line each`() {
    let answer = Answer(
      #"""
      {"items":[
      {"id":"0AKQNHV400000","function":"charge-payment","state":"dead","reason":"rejected",
       "attempt":1,"attemptsMax":5,"createdAt":"2027-01-15T07:57:00.000Z","runMs":15,
       "error":{"code":"rejected","message":"card stolen"}},
      {"id":"0AKQNHYDM0000","function":"send-receipt","state":"queued","attempt":0,
       "attemptsMax":3,"createdAt":"2027-01-15T08:00:00.000Z","error":null}],"next":null}
      """#)
    #expect(
      InvocationsCommand.table(answer, plain, ifEmpty: "none") == [
        "INVOCATION     FUNCTION        STATE            TRY  CREATED   RUN  ERROR",
        "0AKQNHV400000  charge-payment  dead (rejected)  1/5  3m ago   15ms  card stolen",
        "0AKQNHYDM0000  send-receipt    queued           0/3  now         -",
      ])
    #expect(
      InvocationsCommand.table(Answer(#"{"items":[]}"#), plain, ifEmpty: "none") == ["none"])
  }

  @Test func `what was sent is told one by one, and counted where it is much`() {
    let item = #"{"event":"e","invocation":"i","duplicate":true}"#
    #expect(
      SendCommand.lines(Answer(#"{"items":[\#(item)]}"#), plain) == ["duplicate  i  event e"])
    let many = Array(repeating: item, count: SendCommand.listedMax + 1).joined(separator: ",")
    #expect(
      SendCommand.lines(Answer(#"{"items":[\#(many)]}"#), plain) == [
        "0 accepted, \(SendCommand.listedMax + 1) duplicates"
      ])
  }

  @Test func `a redrive tells what was done and what was not`() {
    let answer = Answer(
      #"{"action":"redrive","state":"done","dryRun":false,"selected":2,"done":1,"refused":[{"id":"i","reason":"r"}]}"#
    )
    #expect(ActionWords(answer).outcome(plain) == ["1 of 2 redriven", "i: r"])
    let rehearsal = Answer(#"{"action":"purge","dryRun":true,"selected":2,"done":0,"refused":[]}"#)
    #expect(ActionWords(rehearsal).outcome(plain) == ["2 would be purged"])
  }
}

struct HarmlessTests {
  @Test func `what a terminal would obey is not shown`() {
    let answer = Answer(
      #"{"a":"\u001b[2Jcleared\u0007","b":["\u001b]0;t\u0007"],"c":{"\u001bk":"\u009b1m"},"d":"two\nlines"}"#
    )
    #expect(answer["a"] == " [2Jcleared ")
    #expect(answer.texts("b") == [" ]0;t "])
    #expect(answer.members("c").map(\.name) == [" k"])
    #expect(answer.members("c").map(\.text) == [" 1m"])
    #expect(answer["d"] == "two\nlines")
  }

  @Test func `what was dealt with does not look open, and what was given back does not count`() {
    let answer = Answer(
      #"""
      {"items":[
      {"id":"a","function":"f","state":"dead","reason":"exhausted","attempt":4,"attemptsMax":2,
       "failures":2,"redrivenAs":"b","event":{"data":{"orderId":"ord-1"}}},
      {"id":"c","function":"f","state":"dead","reason":"exhausted","attempt":2,"attemptsMax":2,
       "failures":2,"settledBy":7},
      {"id":"d","function":"f","state":"running","attempt":3,"attemptsMax":3,"failures":0}]}
      """#)
    #expect(
      InvocationsCommand.table(
        answer.list("items"), columns: ["data.orderId"], plain, ifEmpty: "none") == [
          "INVOCATION  FUNCTION  STATE                          TRY  CREATED  RUN  DATA.ORDERID  ERROR",
          "a           f         dead (exhausted), sent again   2/2  -          -  ord-1",
          "c           f         dead (exhausted), thrown away  2/2  -          -  -",
          "d           f         running                        1/3  -          -  -",
        ])
  }
}

struct InvocationStoryTests {
  private let story = Answer(
    #"""
    {"id":"0AKQNHV400000","function":"charge-payment","state":"dead","reason":"exhausted","key":null,
     "event":{"specversion":"1.0","id":"e1","source":"/queues/payments","type":"apus.message",
      "data":{"orderId":"o-1"}},
     "queue":"payments","trigger":"queue:payments","createdAt":"2027-01-15T07:57:00.000Z",
     "dueAt":"2027-01-15T07:57:00.000Z","startedAt":"2027-01-15T07:58:00.000Z",
     "finishedAt":"2027-01-15T07:58:00.020Z","queuedMs":5,"runMs":20,"cpuMs":1.5,"attempt":2,
     "attemptsMax":2,"duplicates":1,"result":null,
     "error":{"code":"thrown","message":"no bank\nno money","type":"Retry"},"cause":"0AKQNH4940000",
     "attempts":[
      {"attempt":1,"outcome":"thrown","startedAt":"2027-01-15T07:57:00.000Z","runMs":12,"cpuMs":0.4,
       "worker":4711,"error":{"code":"thrown","message":"no bank","type":""}},
      {"attempt":2,"outcome":"thrown","startedAt":"2027-01-15T07:58:00.000Z","runMs":20,"cpuMs":1.1,
       "memoryBytes":44040192,
       "worker":4711,"error":{"code":"thrown","message":"no bank\nno money","type":"Retry"}}],
     "logs":[{"time":"2027-01-15T07:57:00.002Z","attempt":1,"level":"info","message":"charging",
       "metadata":{"order":"o-1"}},
      {"time":"2027-01-15T07:58:00.000Z","attempt":2,"level":"warning","message":"again",
       "metadata":{}}],
     "emitted":["0AKQNHV9W0000"]}
    """#)

  @Test func `everything is told in the order in which it happened`() {
    let chain = Answer(
      #"""
      {"items":[
       {"id":"0AKQNH4940000","function":"place-order","state":"succeeded","link":"first"},
       {"id":"0AKQNHV400000","function":"charge-payment","state":"dead","reason":"exhausted",
        "link":"emitted","parent":"0AKQNH4940000"},
       {"id":"0AKQNHV9W0000","function":"release-stock","state":"succeeded","link":"emitted",
        "parent":"0AKQNHV400000"},
       {"id":"0AKQNHZ000000","function":"charge-payment","state":"running","link":"redriven",
        "parent":"0AKQNHV400000"},
       {"id":"0AKQNH4950000","function":"send-mail","state":"queued","link":"emitted",
        "parent":"0AKQNH4940000"}],"isCut":false}
      """#)
    #expect(
      InvocationStory(story, chain: chain).lines(plain) == [
        "invocation  0AKQNHV400000",
        "function    charge-payment",
        "state       dead (exhausted)",
        "trigger     queue:payments",
        "created     2027-01-15T07:57:00.000Z (3m ago)",
        "started     2027-01-15T07:58:00.000Z (2m ago)",
        "finished    2027-01-15T07:58:00.020Z (1m ago)",
        "attempts    2 of at most 2",
        "time        waited 5ms, took 20ms, cpu 1.5ms",
        "sent again  1×, not run again",
        "cause       0AKQNH4940000",
        "",
        "event",
        "  id      e1",
        "  source  /queues/payments",
        "  type    apus.message",
        "  data",
        "    {",
        "      \"orderId\": \"o-1\"",
        "    }",
        "",
        "timeline",
        "  #1 thrown   12ms  █",
        "  backoff    59.9s  ····························································",
        "  #2 thrown   20ms                                                             █",
        "",
        "attempts",
        "  #1  thrown  2027-01-15T07:57:00.000Z  took 12ms  cpu 0.4ms  worker 4711",
        "      thrown: no bank",
        "  #2  thrown  2027-01-15T07:58:00.000Z  took 20ms  cpu 1.1ms  memory 42MiB  worker 4711",
        "      thrown (Retry): no bank",
        "      no money",
        "",
        "log",
        "    +2ms  #1  info     charging  order=o-1",
        "  +1m 0s  #2  warning  again",
        "",
        "error",
        "  thrown (Retry): no bank",
        "  no money",
        "",
        "chain",
        "  0AKQNH4940000  place-order  succeeded",
        "  ├─ 0AKQNHV400000  charge-payment  dead (exhausted)  ← this one",
        "  │  ├─ 0AKQNHV9W0000  release-stock  succeeded",
        "  │  └─ sent again as 0AKQNHZ000000  charge-payment  running",
        "  └─ 0AKQNH4950000  send-mail  queued",
      ])
  }

  @Test func `a timeline fits its terminal, whatever happened`() {
    let attempts = (1...40).map {
      let second = 10 + $0
      return
        #"{"attempt":\#($0),"outcome":"thrown","startedAt":"2027-01-15T07:57:\#(second).000Z","#
        + #""finishedAt":"2027-01-15T07:57:\#(second).900Z","cpuMs":1,"memoryBytes":9000000}"#
    }
    let many = Answer(
      #"{"id":"i","state":"waiting","createdAt":"2027-01-15T07:57:00.000Z","#
        + #""attempts":[\#(attempts.joined(separator: ","))]}"#)
    var narrow = plain
    narrow.columnsMax = 72
    let lines = InvocationTimeline(many, cause: Answer(#"{"cause":"backoff"}"#)).lines(narrow)
    #expect(lines.count == 25)
    #expect(lines.first?.hasPrefix("queued") == true)
    #expect(lines.last?.hasPrefix("waits: backoff") == true)
    #expect(lines[12] == "…")
    #expect(lines.allSatisfy { $0.count <= 72 + 20 })
  }

  @Test func `a request is told with what its path bound`() {
    let http = Answer(
      #"""
      {"id":"i","state":"succeeded","request":{"method":"POST","path":"/orders/7","query":"a=b",
       "parameters":{"orderId":"7"},"headers":{"accept":"*/*"}},"result":{"ok":true}}
      """#)
    let lines = InvocationStory(http).lines(plain)
    #expect(lines.contains("  POST /orders/7?a=b"))
    #expect(lines.contains("  {orderId}  7"))
    #expect(lines.contains("  accept:  */*"))
    #expect(lines.suffix(4) == ["result", "  {", "    \"ok\": true", "  }"])
  }
}

struct ReasoningTests {
  private func why(_ record: String, cause: String? = nil) -> String {
    Reasoning(Answer(record), cause: cause.map { Answer($0) }).sentence(plain)
  }

  @Test func `what one waits for is said in the host's words`() {
    #expect(
      why(#"{"state":"queued","function":"f"}"#, cause: #"{"sentence":"Queue 'q' is paused."}"#)
        == "Queue 'q' is paused.")
    let rate = #"{"sentence":"Free again then.","until":"2027-01-15T09:00:00.000Z"}"#
    #expect(why(#"{"state":"queued"}"#, cause: rate) == "Free again then. That is in 1h.")
  }

  @Test func `every other state has its sentence`() {
    #expect(
      why(
        #"{"state":"waiting","attempt":1,"attemptsMax":5,"dueAt":"2027-01-15T08:00:04.000Z","error":{"message":"no bank"}}"#
      ) == "Attempt 1 of at most 5 failed (no bank); the next starts in 4s.")
    #expect(
      why(
        #"{"state":"dead","reason":"rejected","attempt":1,"attemptsMax":5,"finishedAt":"2027-01-15T07:57:00.000Z","error":{"message":"stolen"}}"#
      )
        == "It died 3m ago after attempt 1 of at most 5, as the handler rejected it for good (stolen)."
    )
    for state in StateWord.allCases {
      let sentence = why(#"{"state":"\#(state)","function":"f"}"#)
      #expect(!sentence.contains("does not know"), "\(state)")
    }
    for reason in DeathReason.allCases {
      let sentence = why(#"{"state":"dead","reason":"\#(reason)"}"#)
      #expect(!sentence.contains("of '"), "\(reason)")
    }
  }
}

struct CronNextTests {
  @Test func `instants are told in the zone's own time`() throws {
    #expect(
      try CronCommand.Next.instants(
        "30 2 * * *", zone: "Europe/Berlin", from: "2027-03-27T00:00:00Z", count: 3) == [
          "2027-03-27T02:30:00.000+01:00", "2027-03-28T03:00:00.000+02:00",
          "2027-03-29T02:30:00.000+02:00",
        ])
    #expect(
      try CronCommand.Next.instants(
        "@daily", zone: "UTC", from: "2027-01-01T00:00:00Z", count: 1)
        == ["2027-01-02T00:00:00.000Z"])
  }

  @Test(arguments: [
    ("* * *", "UTC", "found 3 of 5 fields"), ("0 0 31 2 *", "UTC", "never fires"),
    ("@daily", "Mars/Base", "no time zone 'Mars/Base'"),
  ])
  func `what cannot be is bad input`(expression: String, zone: String, words: String) {
    do throws(CommandFault) {
      _ = try CronCommand.Next.instants(
        expression, zone: zone, from: "2027-01-01T00:00:00Z", count: 1)
      Issue.record("\(expression) was taken")
    } catch {
      #expect(error.status == 65)
      #expect(error.message.contains(words), "\(error.message)")
    }
  }
}
