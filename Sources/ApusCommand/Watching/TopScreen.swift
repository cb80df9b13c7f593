// `apus top` on a terminal: keys, signals and looks wake one thread, which draws. The looks are taken
// on another, so that a host that hangs holds no key up.

import Dispatch
import Invocations

final class TopScreen {
  private let pause: UInt64
  private let countMax: Int
  private let ink: Ink
  private let take: @Sendable () throws -> TopLook
  private let wake: ScreenWake
  private let looks = DispatchQueue(label: "apus.top")

  private var look: TopLook
  private var before: TopLook?
  private var note: String?
  private var order = TopOrder.load
  private var scroll = 0
  private var drawn = 0
  private var isLooking = false
  private var due: UInt64

  init(
    _ first: TopLook, every pause: Duration, count: Int?, ink: Ink,
    take: @escaping @Sendable () throws -> TopLook
  ) throws(CommandFault) {
    look = first
    self.pause = pause.nanoseconds
    countMax = count ?? .max
    self.ink = ink
    self.take = take
    due = BenchClock.now + pause.nanoseconds
    wake = try ScreenWake()
  }

  /// Until somebody quits.
  func run() throws {
    try wake.watchSignals()
    let screen = try FullScreen.enter()
    defer { FullScreen.leave() }
    draw(on: screen)
    while drawn < countMax {
      let (hasKeys, hasNews) = wake.wait(until: isLooking ? nil : due)
      if hasKeys {
        guard let bytes = screen.pressed(), obey(Key.keys(in: bytes), on: screen) else { return }
      }
      if hasNews {
        let news = wake.takeNews()
        guard !news.isStopped else { return }
        if let outcome = news.outcome { try hear(outcome) }
        draw(on: screen)
      }
      if !isLooking, BenchClock.now >= due { lookAgain() }
    }
  }

  private func lookAgain() {
    isLooking = true
    due = max(due + pause, BenchClock.now)
    let (take, wake) = (take, wake)
    looks.async {
      let outcome = Result { try take() }
      wake.tell { $0.outcome = outcome }
    }
  }

  private func hear(_ outcome: Result<TopLook, any Error>) throws {
    isLooking = false
    switch outcome {
    case .success(let fresh):
      (before, look) = (look, fresh)
      note = nil
      drawn += 1
    case .failure(let error):
      guard TopCommand.mayPass(error) else { throw error }
      note = TopCommand.silence
    }
  }

  /// False to quit.
  private func obey(_ keys: [Key], on screen: FullScreen) -> Bool {
    let page = max(1, screen.size.rows / 2)
    for key in keys {
      switch key {
      case .quit: return false
      case .order: order = order.next
      case .up: scroll -= 1
      case .down: scroll += 1
      case .pageUp: scroll -= page
      case .pageDown: scroll += page
      case .top: scroll = 0
      case .bottom: scroll = .max
      }
      // After each: what goes past an end must not be counted against the way back.
      draw(on: screen)
    }
    return true
  }

  private func draw(on screen: FullScreen) {
    var view = TopView(look, since: before)
    view.order = order
    view.note = note
    view.ink = ink
    screen.draw(view.screen(screen.size, scroll: &scroll))
  }
}
