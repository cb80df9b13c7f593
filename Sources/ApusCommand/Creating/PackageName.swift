// The name of a new package: one word for the folder, and the Swift module that it makes.

struct PackageName: Equatable {
  /// As the user wrote it: `Orders`, `my-orders`.
  let folder: String
  /// `Orders`, `MyOrders`.
  let module: String

  static let lengthMax = 64

  init(_ text: String) throws(CommandFault) {
    let words = text.split(separator: "-", omittingEmptySubsequences: false)
    let isName =
      text.utf8.count <= Self.lengthMax && text.first.map { $0.isLetter } == true
      && words.allSatisfy { word in
        !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
      }
    guard isName else {
      throw .badInput(
        "'\(text)' is no name for a package: write 1–\(Self.lengthMax) letters and digits, a letter "
          + "first, words joined by '-', such as Orders or my-orders")
    }
    folder = text
    module = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    guard !Self.taken.contains(module) else {
      throw .badInput(
        "'\(module)' is the name of a module or type that the package will see; choose another, "
          + "such as \(module)Functions")
    }
  }

  /// Modules of Apus, of what it is built from and of Swift, and the types of a new package: a second
  /// one of the name does not build.
  static let taken: Set<String> = [
    // The targets of Apus.
    "Apus", "ApusCommand", "ApusTesting", "Benchmarks", "CAllocations", "CConfine", "CCrash",
    "CLibuv", "CSQLite", "CWriteback", "CrashingWorker", "Digests",
    "Dispatching", "Doors", "EventLoop", "EventSources", "HTTP", "Hosting", "HouseRules",
    "Invocations", "Manifests", "RecordingChild", "Records", "Releases", "Routing", "Schedules",
    "ScriptedWorker", "Shop", "Fuzz", "Fuzzing", "Simulate", "Simulation", "TestSupport",
    "WorkerProtocol", "Workers",
    // What it is built from.
    "ArgumentParser", "Collections", "Crypto", "DequeModule", "GRDB", "GRDBSQLite", "HeapModule",
    "Logging",
    "NIO", "NIOCore", "NIOEmbedded", "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOTLS", "Yams",
    // Swift's own.
    "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Observation", "Swift",
    "Synchronization", "Testing", "XCTest",
    // Types that the functions see.
    "Any", "Answer", "BatchFunction", "Context", "Event", "Function", "FunctionApp", "Handler",
    "LogVisit", "Protocol", "Reject", "Report", "Retry", "Self", "Type", "Visit", "Welcome",
  ]
}
