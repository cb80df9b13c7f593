// The line to try first: a request or a message that works with what is declared.

import Invocations

enum FirstTry {
  /// The sample shop's order, so that the first line one tries goes the whole way.
  static let sampleOrder =
    #"{"orderId":"ord-9182","customerId":"cust-441","items":[{"sku":"book","quantity":1}],"#
    + #""total":129.99,"card":"4242"}"#

  static func line(
    _ declarations: [FunctionDeclaration], functionDoor: String, dataDirectory: String
  ) -> String? {
    for declaration in declarations {
      for case .http(let route) in declaration.triggers {
        return curl(route, handler: declaration.handler, functionDoor)
      }
    }
    let place = dataDirectory == ".apus" ? "" : " --data \(dataDirectory)"
    for declaration in declarations {
      if let queue = declaration.queues.first { return "apus send \(queue) '{}'\(place)" }
    }
    return declarations.first.map { "apus timers fire \($0.name)/0\(place)" }
  }

  private static func curl(_ route: HTTPRoute, handler: String, _ functionDoor: String) -> String {
    let url = functionDoor + path(route.pattern)
    guard ["POST", "PUT", "PATCH"].contains(route.method) else {
      let method = route.method == "GET" ? "" : "-X \(route.method) "
      return "curl -i \(method)\(url)"
    }
    let isSample = handler == "PlaceOrder" && route.pattern == "/orders"
    let body = isSample ? sampleOrder : "{}"
    let method = route.method == "POST" ? "" : "-X \(route.method) "
    return "curl -i \(method)\(url) -H 'Content-Type: application/json' -d '\(body)'"
  }

  /// Something in the place of each part that binds.
  private static func path(_ pattern: String) -> String {
    pattern.split(separator: "/", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("{") ? "1" : String($0) }.joined(separator: "/")
  }
}
