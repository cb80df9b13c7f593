// `apus doctor`: what takes the space, what is wrong, and what to do about it. It reads the store by
// itself, asks the host that works on it, and changes nothing.

import ArgumentParser
import Doors
import Glibc
import HTTP
import Invocations
import Records

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Tells what takes the store's space and what is wrong, with the remedy.",
    discussion: """
      It reads only, with or without a host, and at once however long the history is. --full reads \
      every page as well: what each table and index takes, and whether the file is sound. Ends \
      with 1 where there is a problem, with 69 where there is no store.
      Example: apus doctor
      Example: apus doctor --full --timeout 10m
      """)

  @Option(
    help: ArgumentHelp(
      "The host's directory, where the store is (default: .apus).", valueName: "dir"))
  var data: String?
  @Flag(help: "Read every page too: space by table and index, and whether the file is sound.")
  var full = false
  @Option(
    help: ArgumentHelp(
      "With --full: at most so long for each of the two readings.", valueName: "time"))
  var timeout = "5m"
  @Flag(help: "Print everything as one JSON object.") var json = false

  private var timeMax: Duration { TimeWords.duration(timeout) ?? .seconds(300) }

  func validate() throws {
    guard let time = TimeWords.duration(timeout), time > .zero, time <= .seconds(86_400) else {
      throw ValidationError("--timeout must be 1ms…1d, such as 10m; got '\(timeout)'")
    }
  }

  func run() throws {
    let stop = ShellStop()
    try StopSignals.watch { _ in stop.interrupt() }
    let examination = try examine(AskingOptions.directory(data), stop)
    Terminal.show(json ? [examination.json] : DoctorPage(examination).lines(.current))
    let problems = examination.findings.filter { $0.severity == .problem }
    guard problems.isEmpty else { throw CommandFault.failed(Self.verdict(problems)) }
  }

  static func verdict(_ problems: [Finding]) -> String {
    let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
    return "\(count): \(problems.map { Table.harmless($0.message) }.joined(separator: "; "))"
  }

  // MARK: Looking

  private func examine(_ directory: String, _ stop: ShellStop) throws -> Examination {
    do throws(ShellFault) {
      let checkup = try StoreCheckup(directory: directory, stop: stop)
      let report = try checkup.report()
      var examination = Examination(report, now: TimeWords.now)
      examination.host = HostWord.ask(in: directory, pid: report.surroundings.hostPid)
      look(at: directory, into: &examination)
      if full, report.fault == nil { try readEveryPage(checkup, into: &examination) }
      return examination
    } catch { throw SQLCommand.fault(error) }
  }

  /// What a host would take from here: its tokens, its certificates, how long it would keep what.
  private func look(at directory: String, into examination: inout Examination) {
    do throws(TokenFault) {
      examination.tokens = .success(try TokenFile(dataDirectory: directory).read())
    } catch {
      examination.tokens = .failure(error)
    }
    let environment = Environment.variables
    let path = environment["APUS_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    do throws(CommandFault) {
      let settings = Settings(
        flags: [:], environment: environment, file: try ConfigFile.find(named: path))
      examination.retention = Retention(
        succeeded: try settings.keeping(.keepSucceeded), dead: try settings.keeping(.keepDead))
      examination.certificateFiles = try CertificateLook.files(
        in: settings, now: examination.now)
    } catch {
      // Whatever starts a host says what is mistaken; here it only means not to know.
    }
  }

  private func readEveryPage(
    _ checkup: StoreCheckup, into examination: inout Examination
  ) throws(ShellFault) {
    let size = BenchWords.bytes(examination.report.surroundings.fileBytes)
    let limit = DoctorPage.span(timeMax.milliseconds)
    Terminal.complain("reading every page of \(size), twice, each time for \(limit) at most")
    let isShown = Terminal.isTerminal(STDERR_FILENO)
    defer { if isShown { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) } }
    func tell(_ words: String) {
      if isShown { Terminal.write("\r\u{1B}[K\(words)", to: STDERR_FILENO) }
    }
    let parts = try checkup.parts(timeout: timeMax) { done, count in
      tell("tables and indexes: \(done) of \(count)")
    }
    examination.parts = parts.map { .read($0) } ?? .unavailable
    tell("checking that every page makes sense")
    examination.soundness = try checkup.soundness(timeout: timeMax)
  }
}
