import HTTP
import Invocations
import Testing

@testable import ApusCommand

struct PlanTests {
  private func lines(_ json: String, coloured: Bool = false) -> [String] {
    let presentation = Presentation(
      ink: Ink(isColoured: coloured), now: WallTime(milliseconds: 0), columnsMax: nil)
    return PlanWords(Answer(json), presentation).lines
  }

  private let plan = """
    {"number":5,"changed":true,"dryRun":false,"plan":[
    {"action":"change","subject":"function","name":"charge","changes":[
    {"key":"timeout","old":"30s","new":"10s"},{"key":"retry.max","old":null,"new":"5m"}],
    "notes":["12 waiting"]},
    {"action":"remove","subject":"function","name":"report","changes":[],"notes":[]},
    {"action":"change","subject":"worker","name":"worker","changes":[
    {"key":"executable","old":"44b7e43aa4fc4aeb1872","new":"9d8f1c20be715c0ffee1"}],"notes":[]}],
    "warnings":["careful"]}
    """

  @Test func `a plan is aligned, key by key, and ends with what is live`() {
    #expect(
      lines(plan) == [
        "~ change charge", "    timeout    30s → 10s", "    retry.max  + 5m", "    ! 12 waiting",
        "- remove report", "~ change worker", "    executable  44b7e43aa4fc → 9d8f1c20be71",
        "warning: careful", "release 5 is live",
      ])
  }

  @Test func `a dry run says that nothing was changed`() {
    let tried = lines(plan.replacing("\"dryRun\":false", with: "\"dryRun\":true"))
    #expect(tried.last == "nothing was changed; this would be release 5")
  }

  @Test func `an empty plan is a sentence`() {
    #expect(
      lines("{\"number\":4,\"changed\":false,\"plan\":[],\"warnings\":[]}")
        == ["nothing changes: release 4 is live and says the same"])
  }

  @Test func `colours come on a terminal only`() {
    #expect(lines(plan, coloured: true).contains { $0.contains("\u{1B}[") })
    #expect(!lines(plan).contains { $0.contains("\u{1B}[") })
  }

  @Test func `a deployment's answers have the exit codes of the contract`() {
    func status(_ status: Int, _ code: String) -> Int32? {
      ControlClient.fault(status, .init(), Array("{\"code\":\"\(code)\",\"detail\":\"d\"}".utf8))?
        .status
    }
    #expect(status(422, "bad-manifests") == 65)
    #expect(status(422, "idempotency-key-reused") == 1)
    #expect(status(409, "missing-handler") == 65)
    #expect(status(409, "undecodable-events") == 65)
    #expect(status(409, "files-are-live") == 1)
    #expect(
      ControlClient.fault(409, .init([("Retry-After", "1")]), Array("{}".utf8))?.status == 75)
    #expect(status(201, "") == nil)
  }
}
