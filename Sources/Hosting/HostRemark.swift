// What a host says of itself and its doors, for whoever keeps its log.

import Doors

package struct HostRemark: Sendable, Equatable {
  package enum Weight: Sendable { case info, notice, warning, error }

  package var weight: Weight
  package var message: String
  package var details: [String: String]

  init(_ weight: Weight, _ message: String, _ details: [String: String] = [:]) {
    self.weight = weight
    self.message = message
    self.details = details
  }
}

extension HostRemark {
  init(_ notice: AccessNotice) {
    var details = ["reason": notice.reason.rawValue, "call": notice.call]
    details["peer"] = notice.peer
    details["token"] = notice.token
    if notice.untold > 0 { details["more-before"] = "\(notice.untold)" }
    self.init(.warning, "call without the right to it", details)
  }
}
