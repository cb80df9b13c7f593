// swift-tools-version: 6.2
// The plan of the house: ground, words, floor, rooms in the order of an event's journey, roof, door.
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// One line per room: what it may import, of ours and of others.
func room(
  _ name: String, imports rooms: [String] = [], libraries: [Target.Dependency] = []
) -> Target {
  .target(
    name: name, dependencies: rooms.map { .target(name: $0) } + libraries, swiftSettings: strict)
}

func tests(of name: String, imports rooms: [String] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: ([name] + rooms).map { .target(name: $0) },
    swiftSettings: strict)
}

/// A process that tests start, kill and listen to.
func fixture(_ name: String, imports rooms: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: rooms.map { .target(name: $0) }, path: "Tests/Fixtures/\(name)",
    swiftSettings: strict)
}

func library(_ name: String, from package: String) -> Target.Dependency {
  .product(name: name, package: package)
}

let package = Package(
  name: "apus",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Apus", targets: ["Apus"]),
    .library(name: "ApusTesting", targets: ["ApusTesting"]),
    .executable(name: "apus", targets: ["ApusCommand"]),
    .executable(name: "Shop", targets: ["Shop"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    // Ground: C libraries and the little C that Swift cannot say.
    .systemLibrary(
      name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"]), .brew(["libuv"])]),
    .target(name: "CCrash"),
    .target(name: "CConfine"),
    .target(name: "CWriteback"),
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),

    // Words: what every room speaks.
    room("Invocations"),
    room("WorkerProtocol"),

    // What a user of Apus imports.
    room(
      "Apus", imports: ["WorkerProtocol", "CCrash"],
      libraries: [library("Logging", from: "swift-log")]),
    .executableTarget(
      name: "Shop", dependencies: ["Apus"], path: "Functions/Shop", swiftSettings: strict),

    // Floor: the loop and HTTP on it; digests.
    room("Digests", libraries: [library("Crypto", from: "swift-crypto")]),
    room("EventLoop", imports: ["CLibuv", "CConfine"]),
    room(
      "HTTP", imports: ["EventLoop"],
      libraries: [
        library("NIOCore", from: "swift-nio"), library("NIOEmbedded", from: "swift-nio"),
        library("NIOHTTP1", from: "swift-nio"), library("NIOTLS", from: "swift-nio"),
        library("NIOSSL", from: "swift-nio-ssl"),
      ]),

    // Rooms, in the order of an event's journey.
    room("Schedules"),
    room(
      "Manifests", imports: ["Invocations", "Schedules"], libraries: [library("Yams", from: "Yams")]
    ),
    room("Releases", imports: ["Invocations", "Manifests", "Digests", "CWriteback"]),
    room("EventSources", imports: ["Invocations", "Schedules", "Digests"]),
    room("Routing", imports: ["Invocations"]),
    room(
      "Dispatching", imports: ["Invocations"],
      libraries: [
        library("HeapModule", from: "swift-collections"),
        library("DequeModule", from: "swift-collections"),
      ]),
    room("Workers", imports: ["Invocations", "Schedules", "WorkerProtocol", "EventLoop"]),
    room(
      "Records", imports: ["Invocations", "Schedules", "Digests", "CSQLite"],
      libraries: [library("GRDB", from: "GRDB.swift"), library("GRDBSQLite", from: "GRDB.swift")]),
    room(
      "Doors",
      imports: [
        "Invocations", "Schedules", "HTTP", "EventLoop", "EventSources", "Routing", "Digests",
      ]),

    // What a user's tests import: the rooms without processes and sockets, on virtual time.
    room(
      "ApusTesting",
      imports: [
        "Apus", "WorkerProtocol", "Invocations", "Schedules", "Manifests", "EventSources",
        "Routing", "Dispatching", "Workers", "Records", "HTTP", "Doors",
      ]),

    // Roof and door.
    room(
      "Hosting",
      imports: [
        "Invocations", "EventLoop", "HTTP", "EventSources", "Routing", "Dispatching", "Workers",
        "Records", "Doors", "Manifests", "Releases", "Schedules",
      ]),
    .executableTarget(
      name: "ApusCommand",
      dependencies: [
        "Hosting", "Doors", "Manifests", "Releases", "Schedules", "Invocations", "HTTP",
        "EventLoop", "Workers", "Records", "Apus",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: strict),

    // Tests, one folder per room; then the whole house, and its rules.
    tests(of: "Invocations"),
    tests(of: "WorkerProtocol"),
    tests(of: "Apus", imports: ["WorkerProtocol", "CrashingWorker"]),
    tests(of: "Digests"),
    tests(of: "EventLoop"),
    tests(of: "HTTP", imports: ["EventLoop"]),
    tests(of: "Schedules"),
    tests(of: "Manifests", imports: ["Invocations"]),
    tests(of: "Releases", imports: ["Invocations", "Manifests"]),
    tests(of: "EventSources", imports: ["Invocations", "Schedules", "Digests"]),
    tests(of: "Routing", imports: ["Invocations"]),
    tests(of: "Dispatching", imports: ["Invocations", "TestSupport"]),
    tests(
      of: "Workers",
      imports: ["EventLoop", "Invocations", "WorkerProtocol", "ScriptedWorker", "CrashingWorker"]),
    tests(of: "Records", imports: ["Invocations", "RecordingChild"]),
    tests(
      of: "Doors",
      imports: ["Digests", "EventLoop", "HTTP", "Invocations", "TestSupport"]),
    tests(of: "ApusTesting", imports: ["Apus"]),
    tests(of: "Shop", imports: ["ApusTesting"]),
    // Fuzz targets look into the rooms as their tests do: a release build needs `-enable-testing`.
    .target(
      name: "Fuzzing",
      dependencies: [
        "Doors", "EventSources", "HTTP", "Invocations", "Manifests", "Routing", "Schedules",
        "WorkerProtocol",
      ],
      path: "Tests/Fuzzing", exclude: ["Corpus"], swiftSettings: strict),
    .executableTarget(
      name: "Fuzz", dependencies: ["Fuzzing"], path: "Tests/Fuzz", swiftSettings: strict),
    tests(of: "Fuzzing"),
    .testTarget(
      name: "ApusCommandTests",
      dependencies: [
        "ApusCommand", "Hosting", "Doors", "Manifests", "Records", "Invocations", "HTTP",
        "EventLoop",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: strict),
    .testTarget(
      name: "HostTests",
      dependencies: [
        "Doors", "EventLoop", "HTTP", "ApusCommand", "Shop", "CrashingWorker", "Digests",
        "EventSources", "Workers",
      ],
      swiftSettings: strict),
    .testTarget(name: "HouseRules", swiftSettings: strict),
    .target(
      name: "TestSupport", dependencies: ["Dispatching", "Invocations"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: [
        "Dispatching", "EventSources", "Invocations", "Records", "Schedules",
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ], path: "Tests/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "Simulate", dependencies: ["Simulation"], path: "Tests/Simulate", swiftSettings: strict),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation"], swiftSettings: strict),
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "CAllocations", "Dispatching", "EventSources", "HTTP", "Invocations", "Records", "Routing",
        "Schedules", "TestSupport", "WorkerProtocol",
      ],
      path: "Tests/Benchmarks", swiftSettings: strict),
    fixture("CrashingWorker", imports: ["Apus"]),
    fixture("ScriptedWorker", imports: ["WorkerProtocol"]),
    fixture("RecordingChild", imports: ["Records", "Invocations"]),
  ]
)
