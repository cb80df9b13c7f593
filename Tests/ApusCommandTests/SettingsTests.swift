// Flag, environment, file, default: which one counts, and that each can be told from the others.

import Hosting
import Testing

@testable import ApusCommand

struct SettingsTests {
  private func settings(
    flags: [Settings.Name: String] = [:], environment: [String: String] = [:], file: String = ""
  ) throws -> Settings {
    Settings(
      flags: flags, environment: environment, file: try ConfigFile(file, path: ".apus/config.yaml"))
  }

  @Test func `a flag beats the environment, that beats the file, that beats the default`() throws {
    let file = "grace: 1s\ndata: from-file\nworkers: 2\n"
    let environment = ["APUS_GRACE": "2s", "APUS_DATA": "from-environment"]
    let settings = try settings(
      flags: [.grace: "3s"], environment: environment, file: file)
    #expect(settings[.grace] == .init(text: "3s", origin: .flag(.grace)))
    #expect(
      settings[.data] == .init(text: "from-environment", origin: .environment("APUS_DATA")))
    #expect(
      settings[.workers] == .init(text: "2", origin: .file(path: ".apus/config.yaml", line: 3)))
    #expect(settings[.drain] == .init(text: "30s", origin: .fallback))
    #expect(settings[.worker] == nil)
  }

  @Test func `an empty variable is as good as none`() throws {
    let settings = try settings(environment: ["APUS_DATA": ""])
    #expect(settings[.data]?.origin == .fallback)
  }

  @Test func `names in the environment have underscores`() {
    #expect(Settings.Name.functionDoor.variable == "APUS_FUNCTION_DOOR")
  }

  @Test func `a mistake on the command line is wrong usage, one in the file names its line`() throws
  {
    let flagged = try settings(flags: [.workers: "many"])
    #expect(
      throws: CommandFault.usage("flag --workers: 'workers' must be 1…256; got 'many'")
    ) { try flagged.count(.workers) }
    let filed = try settings(file: "\nworkers: 257\n")
    #expect(
      throws: CommandFault.badInput(
        ".apus/config.yaml:2: 'workers' must be 1…256; got '257'")
    ) { try filed.count(.workers) }
    #expect(try settings(flags: [.workers: "256"]).count(.workers) == 256)
  }

  @Test func `durations and addresses are read, with their limits`() throws {
    let settings = try settings(
      flags: [.grace: "250ms", .drain: "61m", .functionDoor: "[::1]:0", .controlDoor: "7070"])
    #expect(try settings.duration(.grace) == .milliseconds(250))
    #expect(throws: CommandFault.self) { try settings.duration(.drain) }
    let door = try settings.address(.functionDoor)
    #expect(door.host == "::1" && door.port == 0)
    #expect(throws: CommandFault.self) { try settings.address(.controlDoor) }
  }

  @Test func `the ballast is a size with a limit, or none`() throws {
    func ballast(_ text: String) throws -> Int {
      try Settings(flags: [.ballast: text], environment: [:], file: nil).bytes(.ballast)
    }
    #expect(try Settings(flags: [:], environment: [:], file: nil).bytes(.ballast) == 32 << 20)
    #expect(try ballast("0") == 0)
    #expect(try ballast("64GiB") == 64 << 30)
    for wrong in ["65GiB", "-1", "many", "32"] {
      #expect(throws: CommandFault.self, "\(wrong)") { try ballast(wrong) }
    }
  }

  @Test func `a word is one of its enumeration`() throws {
    enum Colour: String, CaseIterable { case red, green }
    var colour = Colour.red
    try settings(flags: [.durability: "green"]).read(.durability, into: &colour)
    #expect(colour == .green)
    #expect(
      throws: CommandFault.usage(
        "flag --durability: 'durability' must be one of red | green; got 'blue'")
    ) { try settings(flags: [.durability: "blue"]).read(.durability, into: &colour) }
  }

  @Test func `what is shown names every origin and never the token`() throws {
    let settings = try settings(flags: [.grace: "3s"], file: "workers: 2")
    let lines = settings.table(of: [.grace, .workers, .drain, .worker], token: "sekret")
      .lines(.plain)
    #expect(
      lines == [
        "SETTING  VALUE  FROM",
        "grace    3s     flag --grace",
        "workers  2      .apus/config.yaml:1",
        "drain    30s    default",
        "worker   -      not set",
        "token    (set)  environment APUS_TOKEN",
      ])
    let blank = settings.table(of: [], token: " ").lines(.plain).last
    #expect(blank?.split(separator: " ").prefix(2) == ["token", "(blank)"])
  }
}

struct ConfigFileTests {
  @Test func `comments, blank lines and quotes are understood`() throws {
    let text = """
      ---
      # the doors
      function-door: 0.0.0.0:80   # all of them

      data: "/var/lib/my shop"
      product: 'Shop#1'
      worker: a#b
      """
    let entries = try ConfigFile(text, path: "c").entries
    #expect(
      entries == [
        .functionDoor: .init(text: "0.0.0.0:80", line: 3),
        .data: .init(text: "/var/lib/my shop", line: 5),
        .product: .init(text: "Shop#1", line: 6), .worker: .init(text: "a#b", line: 7),
      ])
  }

  @Test(arguments: [
    ("grace", "c:1: expected 'name: value'"), ("- grace: 1s", "c:1: unknown setting '- grace'"),
    ("  grace: 1s", "c:1: expected 'name: value'"), ("grace:", "c:1: 'grace' has no value"),
    ("grace: [1s]", "c:1: 'grace' must be a plain value"),
    ("grace: \"1s", "c:1: 'grace': the quote is not closed"),
    ("grace: \"1s\" 2s", "c:1: 'grace': nothing may follow"),
    ("grase: 1s", "c:1: unknown setting 'grase'; there are manifests,"),
    ("token: x", "c:1: the token is not kept in a file"),
    ("grace: 1s\ngrace: 2s", "c:2: 'grace' is already given in line 1"),
  ])
  func `anything else is refused with its line`(text: String, beginning: String) {
    do throws(CommandFault) {
      _ = try ConfigFile(text, path: "c")
      Issue.record("'\(text)' was taken")
    } catch {
      #expect(error.status == 65)
      #expect(error.message.hasPrefix(beginning), "\(error.message)")
    }
  }

  @Test func `every mistake is told at once`() {
    #expect(throws: CommandFault.self) { try ConfigFile("a: 1\nb: 2", path: "c") }
    do throws(CommandFault) { _ = try ConfigFile("a: 1\nb: 2", path: "c") } catch {
      #expect(error.message.split(separator: "\n").count == 2)
    }
  }

  @Test func `a file that was named has to be there`() throws {
    let folder = try TemporaryFolder()
    #expect(throws: CommandFault.self) { try ConfigFile.find(named: "\(folder.path)/none.yaml") }
    let path = try folder.write("some.yaml", "grace: 1s\n")
    #expect(try ConfigFile.find(named: path)?.entries.count == 1)
  }
}

struct SecretsFileTests {
  @Test func `names and values, with comments and quotes`() throws {
    let text = "# keys\nSTRIPE_KEY=sk=1 2\n\nQUOTED=\"a b\"\nEMPTY=\n"
    let secrets = try SecretsFile(text, path: "s")
    #expect(secrets.values == ["STRIPE_KEY": "sk=1 2", "QUOTED": "a b", "EMPTY": ""])
  }

  @Test func `a mistake names its line and no value`() {
    #expect(throws: CommandFault.badInput("s:2: expected NAME=value")) {
      try SecretsFile("A=1\nmy secret value", path: "s")
    }
    #expect(throws: CommandFault.badInput("s:2: 'A' is given twice")) {
      try SecretsFile("A=1\nA=2", path: "s")
    }
  }

  @Test func `a file that others may read is refused`() throws {
    let folder = try TemporaryFolder()
    try folder.write("secrets.env", "A=1\n", mode: 0o640)
    do throws(CommandFault) {
      _ = try SecretsFile.find(in: folder.path)
      Issue.record("it was read")
    } catch {
      #expect(error.status == 65)
      #expect(error.message.contains("mode 0640") && error.message.contains("chmod 600"))
    }
    #expect(SecretsFile.lookup(in: folder.path)("A") == nil)
  }

  @Test func `the file is read again for each look-up`() throws {
    let folder = try TemporaryFolder()
    let lookup = SecretsFile.lookup(in: folder.path)
    #expect(lookup("APUS_TEST_SECRET") == nil)
    try folder.write("secrets.env", "APUS_TEST_SECRET=1\n")
    #expect(lookup("APUS_TEST_SECRET") == "1")
  }
}
