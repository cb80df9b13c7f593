// Handlers that print, in the ways in which lines get lost or mixed up.
import Apus
import Dispatch
@preconcurrency import Glibc

enum Printing {
  @FunctionBuilder static var functions: [any Function] {
    // Two of them print the parts of their lines in turns.
    Handler("PrintInTurns") { (name: String, _) in
      print("\(name) begins", terminator: ", ")
      complain("\(name) is bad, ")
      await Meeting.ofTwo.arrive()
      complain("and worse\n")
      print("goes on", terminator: "")
      await Meeting.ofTwo.arrive()
      print(" and ends")
      print("no end of \(name)", terminator: "")
    }
    Handler("PrintInTasks") { (name: String, _) in
      await Meeting.ofTwo.arrive()
      await Task { print("in a task of \(name)") }.value
      await Printer.shared.say("in an actor for \(name)")
    }
    Handler("PrintLines") { (count: Int, _) in
      for number in 0..<count { print(number) }
    }
    Handler("PrintText") { (text: String, _) in print(text, terminator: "") }
    Handler("PrintLong") { (characters: Int, _) in
      print(String(repeating: "€", count: characters))
      print("short")
    }
    // Where no attempt is known: a queue's thread, and the descriptor itself.
    Handler("PrintElsewhere") { (_: NoInput, _) in
      await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
          print("from a queue")
          continuation.resume()
        }
      }
      tell("raw\n")
    }
    // Says over the pipe when it is done.
    Handler("PrintFlood") { (lines: Int, _) in
      let line = String(repeating: "x", count: 60_000)
      for _ in 0..<lines { print(line) }
      tell("done\n")
    }
    Handler("PrintAndTrap") { (_: NoInput, _) in
      print("last line")
      complain("last complaint\n")
      fatalError("after printing")
    }
  }

  private static func complain(_ text: String) { fputs(text, stderr) }

  private static func tell(_ text: String) {
    let bytes = Array(text.utf8)
    write(STDOUT_FILENO, bytes, bytes.count)
  }
}

/// Whoever comes waits for another one.
private actor Meeting {
  static let ofTwo = Meeting()
  private var waiting: CheckedContinuation<Void, Never>?

  func arrive() async {
    if let other = waiting.take() {
      other.resume()
    } else {
      await withCheckedContinuation { waiting = $0 }
    }
  }
}

private actor Printer {
  static let shared = Printer()

  func say(_ text: String) { print(text) }
}
