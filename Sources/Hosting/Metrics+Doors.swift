// What the doors took and turned away, one series for each door.

import HTTP

extension Host {
  /// Names as an operator knows the doors; the local one is the Unix socket.
  private var doors: [(name: String, server: HTTPServer)] {
    let servers = [functionServer].compactMap(\.self) + controlServers
    return zip(["function", "control", "local"], servers).map { ($0, $1) }
  }

  func writeDoors(to text: inout MetricsText) {
    write("apus_http_connections", "gauge", "Open connections.", to: &text) { $0.connectionCount }
    write("apus_http_connections_max", "gauge", "Connections at most.", to: &text) {
      $0.limits.connectionsMax
    }
    write("apus_http_connections_total", "counter", "Connections taken.", to: &text) {
      $0.counters.connectionsAccepted
    }
    write("apus_http_requests_total", "counter", "Requests with a whole head.", to: &text) {
      $0.counters.requests
    }
    write("apus_http_arriving_bytes", "gauge", "Bytes of bodies not yet whole.", to: &text) {
      $0.arrivingBytes
    }
    write(
      "apus_http_clients_gone_total", "counter", "Clients that left before their answer.",
      to: &text
    ) { $0.counters.clientsGone }
    write(
      "apus_http_slow_readers_total", "counter", "Clients dropped, as they did not read.",
      to: &text
    ) { $0.counters.slowReadersDropped }
    write(
      "apus_http_accept_pauses_total", "counter", "Times no descriptor was left to accept with.",
      to: &text
    ) { $0.acceptPauses }
    writeRefusals(to: &text)
  }

  private func write(
    _ name: String, _ type: String, _ help: String, to text: inout MetricsText,
    _ value: (HTTPServer) -> Int
  ) {
    text.head(name, type, help)
    for door in doors { text.line(name, [("door", door.name)], value(door.server)) }
  }

  private func writeRefusals(to text: inout MetricsText) {
    let name = "apus_http_refused_total"
    text.head(
      name, "counter",
      "Connections and requests turned away: the code of the problem, or the status of a refusal on "
        + "the head alone.")
    for door in doors {
      for (reason, count) in door.server.counters.refusals.sorted(by: { $0.key < $1.key }) {
        text.line(name, [("door", door.name), ("reason", reason)], count)
      }
    }
  }
}
