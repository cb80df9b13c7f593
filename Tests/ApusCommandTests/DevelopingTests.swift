// What `apus dev` makes of a package, a compiler's output, changing folders and finished builds.

import EventLoop
import Glibc
import Hosting
import Invocations
import Testing

@testable import ApusCommand

struct CompilerOutputTests {
  private let failing = """
    Building for debugging...
    [3/7] Compiling Shop Orders.swift
    /src/Functions/Shop/Orders.swift:8:6: warning: variable 'x' was never used
    /src/Functions/Shop/Orders.swift:25:19: error: cannot convert 'String' to 'Int'
    23 |
    25 | let broken: Int = "x"
       |                   `- error: cannot convert 'String' to 'Int'
    [4/7] Emitting module Shop
    /src/Functions/Shop/Orders.swift:25:19: error: cannot convert 'String' to 'Int'
    error: fatalError
    """

  @Test func `each error is shown once with its line, and no warning beside it`() {
    let lines = CompilerOutput(failing).lines(succeeded: false, .plain) { path, line in
      #expect(path == "/src/Functions/Shop/Orders.swift" && line == 25)
      return "let broken: Int = \"x\""
    }
    #expect(
      lines == [
        "/src/Functions/Shop/Orders.swift:25:19: error: cannot convert 'String' to 'Int'",
        "    let broken: Int = \"x\"", "                      ^",
      ])
  }

  @Test func `warnings are shown where there is no error`() {
    let text = "/s/A.swift:1:2: warning: w\n/s/A.swift:1:2: warning: w\nBuild complete!"
    let lines = CompilerOutput(text).lines(succeeded: true, .plain) { _, _ in nil }
    #expect(lines == ["/s/A.swift:1:2: warning: w"])
    #expect(CompilerOutput("Build complete!").lines(succeeded: true, .plain).isEmpty)
  }

  @Test func `an error without a place is shown, and the last lines where there is none at all`() {
    let text = "warning: w\nerror: no product named 'Shop'\nerror: fatalError"
    #expect(
      CompilerOutput(text).lines(succeeded: false, .plain) == ["error: no product named 'Shop'"])
    let talk = (1...50).map { "ld: line \($0)" }.joined(separator: "\n")
    let lines = CompilerOutput(talk).lines(succeeded: false, .plain)
    #expect(lines.count == CompilerOutput.lastLinesMax && lines.last == "ld: line 50")
  }

  @Test func `more errors than one reads are counted`() {
    let count = CompilerOutput.shownMax + 3
    let text = (1...count).map { "/s/A.swift:\($0):1: error: e" }.joined(separator: "\n")
    let lines = CompilerOutput(text).lines(succeeded: false, .plain) { _, _ in nil }
    #expect(lines.count == CompilerOutput.shownMax + 1)
    #expect(lines.last == "… and 3 more")
  }

  @Test func `the caret stands under the column that the compiler counts in bytes`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("A.swift", "// one\n\tlet ü = x\n")
    let lines = CompilerOutput("\(path):2:11: error: e").lines(succeeded: false, .plain)
    #expect(lines.dropFirst() == ["    \tlet ü = x", "    \t        ^"])
  }
}

struct ProductChoiceTests {
  private func target(_ name: String, _ path: String?, _ kind: String, _ dependency: String?)
    -> String
  {
    let path = path.map { "\"path\":\"\($0)\"," } ?? ""
    let dependencies = dependency.map { "{\"byName\":[\"\($0)\",null]}" } ?? ""
    return #"{"name":"\#(name)",\#(path)"type":"\#(kind)","dependencies":[\#(dependencies)]}"#
  }

  private func product(_ name: String, _ kind: String, _ target: String) -> String {
    #"{"name":"\#(name)","targets":["\#(target)"],"type":{"\#(kind)":null}}"#
  }

  private func choice(products: [String], targets: [String]) -> ProductChoice {
    ProductChoice(
      Answer(
        #"{"name":"p","products":[\#(products.joined(separator: ","))],"targets":[\#(targets.joined(separator: ","))]}"#
      ))
  }

  @Test func `the only executable is the one, wherever it is`() throws {
    let choice = choice(
      products: [#"{"name":"L","targets":["L"],"type":{"library":["automatic"]}}"#],
      targets: [target("L", nil, "regular", nil), target("Tool", nil, "executable", nil)])
    #expect(
      try choice.choose() == .init(name: "Tool", path: "Sources/Tool", dependsOnApus: false))
  }

  @Test func `of several, the one under Functions is meant`() throws {
    let choice = choice(
      products: [
        product("apus", "executable", "ApusCommand"), product("Shop", "executable", "Shop"),
      ],
      targets: [
        target("ApusCommand", nil, "executable", "Hosting"),
        target("Shop", "Functions/Shop", "executable", "Apus"),
      ])
    #expect(try choice.choose().name == "Shop")
    #expect(choice.candidate(named: "apus")?.path == "Sources/ApusCommand")
  }

  @Test func `else the one that uses Apus, by product or by target`() throws {
    let dependency = #"{"product":["Apus","apus",null,null]}"#
    let user = #"{"name":"Jobs","type":"executable","dependencies":[\#(dependency)]}"#
    let choice = choice(
      products: [], targets: [target("Other", nil, "executable", "Logging"), user])
    #expect(try choice.choose().name == "Jobs")
  }

  @Test func `where it is not plain, the user is asked`() {
    let two = choice(
      products: [],
      targets: [
        target("A", "Functions/A", "executable", "Apus"),
        target("B", "Functions/B", "executable", "Apus"),
      ])
    do throws(CommandFault) {
      _ = try two.choose()
      Issue.record("one was guessed")
    } catch { #expect(error.message.contains("--product, one of A, B")) }
    #expect(throws: CommandFault.self) { try choice(products: [], targets: []).choose() }
  }
}

struct WorkerCopyTests {
  @Test func `the last two copies are kept, and the same build is not copied again`() throws {
    let folder = try TemporaryFolder()
    var copies = WorkerCopies(in: folder.path)
    for number in 1...4 {
      let executable = try folder.write("built", "build \(number)", mode: 0o755)
      // Two writes within one tick of the file system's clock differ in their size at least.
      try folder.write("built", String(repeating: "x", count: number), mode: 0o755)
      let adopted = try copies.adopt(executable)
      let copy = try #require(adopted)
      #expect(copy == "\(folder.path)/worker-\(number)")
      #expect(Files.status(copy).map { $0.st_mode & 0o777 } == 0o700)
      let again = try copies.adopt(executable)
      #expect(again == nil)
    }
    #expect(Files.names(in: folder.path) == ["built", "worker-3", "worker-4"])
    #expect(try Files.read("\(folder.path)/worker-4") == Array("xxxx".utf8))
  }

  @Test func `numbers go on where an earlier run ended`() throws {
    let folder = try TemporaryFolder()
    try folder.write("worker-41", "")
    let executable = try folder.write("built", "x")
    var copies = WorkerCopies(in: folder.path)
    let copy = try copies.adopt(executable)
    #expect(copy == "\(folder.path)/worker-42")
  }
}

struct SourceWatchTests {
  enum Topic: Hashable, Sendable { case sources, manifests }

  /// The watch lives as long as the process; its folder does not.
  private func watch(
    _ folder: TemporaryFolder, _ roots: [(String, Topic)]
  ) -> Inbox<Topic> {
    let inbox = Inbox<Topic>()
    let path = folder.path
    let faults = onLoop { () -> [String: String] in
      SourceWatch<Topic>(
        roots.map {
          .init(directory: "\(path)/\($0.0)", topic: $0.1, accepts: SourceNames.isSource)
        }
      ) { for topic in $0 { inbox.put(topic) } }.faults
    }
    #expect(faults.isEmpty)
    return inbox
  }

  @Test func `a change deep in a folder that is new itself is seen`() throws {
    let folder = try TemporaryFolder()
    folder.makeFolder("Functions")
    let inbox = watch(folder, [("Functions", .sources)])
    folder.makeFolder("Functions/New")
    #expect(inbox.take() == [.sources])
    try folder.write("Functions/New/A.swift", "let a = 1")
    #expect(inbox.take() == [.sources])
  }

  @Test func `a folder that is not there yet is awaited`() throws {
    let folder = try TemporaryFolder()
    let inbox = watch(folder, [("Manifests", .manifests)])
    folder.makeFolder("Manifests")
    #expect(inbox.take() == [.manifests])
    try folder.write("Manifests/a.yaml", "x")
    #expect(inbox.take() == [.manifests])
  }

  @Test func `what an editor leaves beside a file is no change`() {
    for name in [".A.swift.swp", "A.swift~", "4913", ".#A.swift", "A.swift.tmp"] {
      #expect(!SourceNames.isSource(name), "\(name)")
    }
    #expect(SourceNames.isSource("A.swift") && SourceNames.isSource(nil))
    #expect(SourceNames.isManifest("a.yaml") && !SourceNames.isManifest("README.md"))
  }

  @Test func `past the limit of folders it says so`() throws {
    let folder = try TemporaryFolder()
    folder.makeFolder("Functions")
    for number in 1...SourceWatch<Topic>.directoriesMax { folder.makeFolder("Functions/\(number)") }
    let path = folder.path
    let faults = onLoop { () -> [String: String] in
      let watch = SourceWatch<Topic>(
        [.init(directory: "\(path)/Functions", topic: .sources, accepts: { _ in true })]
      ) { _ in }
      return watch.faults
    }
    #expect(faults["\(path)/Functions"]?.contains("more than 1024 folders") == true)
  }
}

struct ChildRunTests {
  private func shell(
    _ script: String, timeout: Duration? = nil, line: (@Sendable (String) -> Void)? = nil
  ) throws(CommandFault) -> ChildResult {
    try ChildRun.run(
      ChildProcess.Options(
        executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"]),
      timeout: timeout, line: line)
  }

  @Test func `a child's output, errors and exit come back whole`() throws {
    let lines = Lock<[String]>([])
    let result = try shell("echo one; echo two; echo no >&2; exit 3") { line in
      lines.withLock { $0.append(line) }
    }
    #expect(result.exit == .status(3) && !result.isOverdue)
    #expect(result.output == Array("one\ntwo\n".utf8))
    #expect(result.errors == Array("no\n".utf8))
    #expect(lines.withLock { $0 } == ["one", "two"])
  }

  @Test func `a child that takes too long is ended`() throws {
    let result = try shell("tail -f /dev/null", timeout: .milliseconds(50))
    #expect(result.isOverdue && result.exit == .signal(SIGKILL))
  }

  @Test func `output is kept up to the limit`() throws {
    let result = try shell("head -c \(ChildRun.bytesMax + 1000) /dev/zero")
    #expect(result.output.count == ChildRun.bytesMax && result.exit == .status(0))
  }

  @Test func `what cannot be started is named`() {
    #expect(throws: CommandFault.self) {
      try ChildRun.run(ChildProcess.Options(executable: "/nowhere/swift"))
    }
  }
}

struct FirstTryTests {
  private func line(_ triggers: Trigger..., handler: String = "H", data: String = ".apus")
    -> String?
  {
    FirstTry.line(
      [FunctionDeclaration(name: "f", handler: handler, triggers: triggers)],
      functionDoor: "http://127.0.0.1:8080", dataDirectory: data)
  }

  @Test func `a route comes before a queue and a queue before a timer`() {
    let get = Trigger.http(HTTPRoute(method: "GET", pattern: "/a/{id}/{rest...}"))
    #expect(line(.queue("q"), get) == "curl -i http://127.0.0.1:8080/a/1/1")
    let timer = Trigger.timer(TimerTrigger(rule: .every(.seconds(1))))
    #expect(line(timer, .queue("q"), data: "/d") == "apus send q '{}' --data /d")
    #expect(line(timer) == "apus timers fire f/0")
  }

  @Test func `the sample shop is tried with a whole order`() {
    let post = Trigger.http(HTTPRoute(method: "POST", pattern: "/orders"))
    #expect(
      line(post, handler: "PlaceOrder")
        == "curl -i http://127.0.0.1:8080/orders -H 'Content-Type: application/json' "
        + "-d '\(FirstTry.sampleOrder)'")
    #expect(Answer(FirstTry.sampleOrder)["items.0.sku"] == "book")
    let put = Trigger.http(HTTPRoute(method: "PUT", pattern: "/x"))
    #expect(line(put)?.contains("-X PUT") == true && line(put)?.hasSuffix("-d '{}'") == true)
  }
}
