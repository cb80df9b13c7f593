// A timer's function: no input, and the event's time is the instant that was due.
import Apus

struct ReportStatus: Function {
  struct Report: Codable {
    var minute: String
    var isOpen: Bool
  }

  func run(_ input: NoInput, context: Context) async throws -> Report {
    let report = Report(minute: context.event.time, isOpen: true)
    context.logger.info("the shop is open", metadata: ["minute": "\(report.minute)"])
    return report
  }
}
