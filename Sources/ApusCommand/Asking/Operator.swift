// Who asks, in the words of this machine: for the record of what operators did. It is told, not proved.

import Glibc

enum Operator {
  static let name: String = {
    let environment = Environment.variables
    if let name = environment["APUS_OPERATOR"], !name.isEmpty { return name }
    let given = [environment["USER"], environment["LOGNAME"]].compactMap(\.self).first {
      !$0.isEmpty
    }
    let name = given ?? account ?? "user \(getuid())"
    var host = [CChar](repeating: 0, count: 256)
    guard gethostname(&host, host.count - 1) == 0 else { return name }
    return "\(name)@\(String(decoding: host.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))"
  }()

  private static var account: String? {
    getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) }
  }
}
