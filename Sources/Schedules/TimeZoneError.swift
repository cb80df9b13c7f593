// The ways in which a time zone cannot be had. Each message names the remedy.

package enum TimeZoneError: Error, Equatable {
  /// Not the shape of an IANA identifier, so no file was looked for.
  case unusableName(String)
  /// The system has no time zone database at all.
  case noDatabase(directory: String)
  case unknown(String, directory: String)
  /// `code` is an `errno`.
  case unreadable(String, code: Int32)
  case malformed(String, reason: String)

  package var message: String {
    switch self {
    case .unusableName(let name):
      "'\(name)' is not the name of a time zone; write one such as Europe/Berlin or UTC"
    case .noDatabase(let directory):
      "there is no time zone database at \(directory); install the package tzdata, "
        + "set TZDIR, or use UTC"
    case .unknown(let name, let directory):
      "no time zone '\(name)' in \(directory); names are like Europe/Berlin, capitals count"
    case .unreadable(let name, let code):
      "the file of the time zone '\(name)' cannot be read (errno \(code)); check its permissions"
    case .malformed(let name, let reason):
      "the file of the time zone '\(name)' is not usable: \(reason); reinstall the package tzdata"
    }
  }
}
