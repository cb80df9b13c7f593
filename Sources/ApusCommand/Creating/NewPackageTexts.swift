// What stands in the files of a new package. Each is as short as it can be and still show its one thing;
// together they are a flow: a call, an event, a timer, and a test of all three.

struct NewPackageTexts {
  let name: PackageName
  let apus: ApusSource

  var files: [NewPackage.File] {
    let module = name.module
    let pairs = [
      ("Package.swift", package), (".gitignore", ".build/\n.apus/\n"), ("README.md", readme),
      ("Functions/\(module)/\(module).swift", app), ("Functions/\(module)/Welcome.swift", welcome),
      ("Functions/\(module)/LogVisit.swift", logVisit),
      ("Functions/\(module)/Report.swift", report), ("Manifests/welcome.yaml", welcomeManifest),
      ("Manifests/log-visit.yaml", logVisitManifest), ("Manifests/report.yaml", reportManifest),
      ("Tests/\(module)Tests/\(module)Tests.swift", tests),
    ]
    return pairs.map { NewPackage.File(path: $0.0, text: $0.1) }
  }

  private var package: String {
    """
    // swift-tools-version: 6.2
    import PackageDescription

    let package = Package(
      name: "\(name.folder)",
      platforms: [.macOS(.v15)],
      dependencies: [
        \(apus.dependency)
      ],
      targets: [
        .executableTarget(
          name: "\(name.module)", dependencies: [.product(name: "Apus", package: "\(apus.identity)")],
          path: "Functions/\(name.module)"),
        .testTarget(
          name: "\(name.module)Tests",
          dependencies: [
            "\(name.module)", .product(name: "ApusTesting", package: "\(apus.identity)"),
          ]),
      ],
      swiftLanguageModes: [.v6]
    )

    """
  }

  private var readme: String {
    """
    # \(name.folder)

    Functions for Apus: Swift handlers in `Functions/`, one manifest each in `Manifests/`.

        swift test       # the functions and manifests on virtual time, no host
        apus dev         # builds, runs, watches, and prints a line to try

    | function | triggered by | does |
    | --- | --- | --- |
    | `welcome` | `POST /visits` | answers at once, emits to `visits` |
    | `log-visit` | queue `visits` | rejects a visit without a name, logs the others |
    | `report` | a timer, every minute | says that it is still there |

        curl -i localhost:8080/visits -H 'Content-Type: application/json' -d '{"name": "Ada"}'
        apus invocations list
        apus dead-letters list

    """
  }

  private var app: String {
    """
    // The functions of this package: POST /visits ─▶ Welcome ─▶ visits ─▶ LogVisit, and once a minute
    // Report. A new one gets its line here and its manifest in Manifests/.
    import Apus

    @main struct \(name.module): FunctionApp {
      var functions: [any Function] {
        Welcome()
        LogVisit()
        Report()
      }
    }

    """
  }

  private var welcome: String {
    """
    // An HTTP function: answers at once; the work happens behind it.
    import Apus

    struct Visit: Codable {
      var name: String?
    }

    struct Greeting: Codable {
      var text: String
    }

    struct Welcome: HTTPFunction {
      func run(_ request: HTTPRequest, context: Context) async throws -> HTTPResponse {
        let visit = try request.decode(Visit.self)
        // Leaves only if this attempt succeeds, in the same commit.
        context.emit(queue: "visits", visit)
        return .json(Greeting(text: "Hello, \\(visit.name ?? "stranger")!"), status: 202)
      }
    }

    """
  }

  private var logVisit: String {
    """
    // A queue function: throwing fails the attempt and it is tried again; `Reject` ends it for good.
    import Apus

    struct LogVisit: Function {
      func run(_ visit: Visit, context: Context) async throws {
        guard visit.name != "" else { throw Reject("a visit needs a name") }
        context.logger.info("\\(visit.name ?? "somebody") was here")
      }
    }

    """
  }

  private var report: String {
    """
    // A timer's function: no input, and the event's time is the instant that was due.
    import Apus

    struct Report: Function {
      func run(_ input: NoInput, context: Context) async throws -> String {
        context.logger.info("still here")
        return context.event.time
      }
    }

    """
  }

  private var welcomeManifest: String {
    """
    function: welcome
    triggers:
      - http: POST /visits

    """
  }

  private var logVisitManifest: String {
    """
    function: log-visit
    triggers:
      - queue: visits
    retry: { attempts: 3, first: 1s }     # the others have their defaults: apus schema manifest

    """
  }

  private var reportManifest: String {
    """
    function: report
    triggers:
      - timer:
          cron: "* * * * *"                # minute hour day month weekday; or `every: 30s`
          timezone: UTC

    """
  }

  private var tests: String {
    """
    import ApusTesting
    import Testing

    @testable import \(name.module)

    struct \(name.module)Tests {
      @Test func `a visit is answered and logged`() async throws {
        let house = try await TestHost(\(name.module)())
        let answer = try await house.call("POST", "/visits", json: Visit(name: "Ada"))
        #expect(answer.status == 202)
        #expect(try answer.decode(Greeting.self).text == "Hello, Ada!")

        try await house.settle()
        let visit = try #require(house.invocations(of: "log-visit").first)
        #expect(visit.state == .succeeded)
        #expect(visit.logs.map(\\.message) == ["Ada was here"])

        try await house.send("visits", Visit(name: ""))
        try await house.settle()
        #expect(house.deadLetters.map(\\.reason) == [.rejected])

        // An hour of virtual time, with its sixty reports.
        try await house.advance(by: .hours(1))
        #expect(house.invocations(of: "report").count == 60)
      }
    }

    """
  }
}
