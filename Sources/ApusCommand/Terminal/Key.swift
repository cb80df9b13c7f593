// Keys of a terminal that hands them over as they are pressed: bytes in, meanings out.

/// A key that means something here.
enum Key: Equatable {
  case quit
  case order
  case up
  case down
  case pageUp
  case pageDown
  case top
  case bottom

  /// What was pressed since the last time, whole escape sequences among it; others mean nothing.
  static func keys(in bytes: [UInt8]) -> [Key] {
    var keys: [Key] = []
    var rest = bytes[...]
    while let first = rest.popFirst() {
      if first == 0x1B, let open = rest.first,
        open == UInt8(ascii: "[") || open == UInt8(ascii: "O")
      {
        rest = rest.dropFirst()
        let sequence = rest.prefix { !(0x40...0x7E).contains($0) }
        let last = rest.dropFirst(sequence.count).first
        rest = rest.dropFirst(sequence.count + 1)
        if let key = arrow(Array(sequence), last) { keys.append(key) }
      } else if let key = letter(first) {
        keys.append(key)
      }
    }
    return keys
  }

  private static func arrow(_ number: [UInt8], _ last: UInt8?) -> Key? {
    switch last {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "H"): .top
    case UInt8(ascii: "F"): .bottom
    case UInt8(ascii: "~") where number == [UInt8(ascii: "5")]: .pageUp
    case UInt8(ascii: "~") where number == [UInt8(ascii: "6")]: .pageDown
    default: nil
    }
  }

  private static func letter(_ byte: UInt8) -> Key? {
    switch byte {
    // Ctrl-C, as the terminal hands it over when it makes no signals of keys.
    case UInt8(ascii: "q"), 3: .quit
    case UInt8(ascii: "s"): .order
    case UInt8(ascii: "k"): .up
    case UInt8(ascii: "j"): .down
    case UInt8(ascii: " "): .pageDown
    case UInt8(ascii: "g"): .top
    case UInt8(ascii: "G"): .bottom
    default: nil
    }
  }
}
