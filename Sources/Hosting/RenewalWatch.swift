// Tokens and certificates that change while the host runs: looked for on a thread of its own, twice a
// second, by what the files are; read there, and handed to the loop. What cannot be read or does not fit
// changes nothing and is told once.

import Dispatch
import Doors
import EventLoop
import HTTP
import Invocations
import Synchronization

final class RenewalWatch: Sendable {
  static let interval = DispatchTimeInterval.milliseconds(500)
  /// Between two notes of when tokens were used last.
  private static let usesMilliseconds: Int64 = 60_000

  private struct Certificate {
    let door: Door
    let files: TLSFiles
    var identity: TLSIdentity
    /// Of the files as they were dealt with, and as they were at the last look.
    var dealtWith: [FileStamp]
    var seen: [FileStamp]
    var notice = ExpiryNotice()
  }

  private struct State {
    var book: TokenBook
    var liveIDs: Set<String>
    var tokenStamp: FileStamp
    var certificates: [Certificate]
    var usesWrittenAt: WallTime
    var isOver = false
  }

  private let file: TokenFile
  private let state: Mutex<State>
  private let thread = DispatchQueue(label: "apus.renewals")
  private let deliver: @Sendable (Renewal) -> Void
  private let takeUses: @Sendable (@escaping @Sendable (TokenUses) -> Void) -> Void

  enum Renewal: Sendable {
    /// Also when one of them expired.
    case tokens(TokenBook)
    case identity(Door, TLSIdentity)
    /// Files that came and cannot be served, and why.
    case rejected(Door, String)
    case remark(HostRemark)
  }

  /// Tells of the certificates, and begins to look.
  static func begin(_ settings: HostSettings, _ keys: DoorKeys, of host: Host) -> RenewalWatch {
    let watch = RenewalWatch(
      settings, keys,
      deliver: { renewal in
        EventLoop.shared.submit { [weak host] in host?.adopt(renewal) }
      },
      takeUses: { then in
        EventLoop.shared.submit { [weak host] in
          guard let access = host?.access, access.hasNewUses else { return }
          then(access.takeUses())
        }
      })
    watch.start()
    return watch
  }

  private init(
    _ settings: HostSettings, _ keys: DoorKeys, deliver: @escaping @Sendable (Renewal) -> Void,
    takeUses: @escaping @Sendable (@escaping @Sendable (TokenUses) -> Void) -> Void
  ) {
    file = TokenFile(dataDirectory: settings.dataDirectory)
    let now = SystemClocks().wall
    let pairs: [(Door, TLSFiles?, TLSIdentity?)] = [
      (.function, settings.functionDoorFiles, keys.functionDoor),
      (.control, settings.controlDoorFiles, keys.controlDoor),
    ]
    let certificates = pairs.compactMap { door, files, identity in
      files.flatMap { files in
        let stamps = [files.certificate, files.key].map { keys.stamps[$0] ?? FileStamp($0) }
        return identity.map {
          Certificate(door: door, files: files, identity: $0, dealtWith: stamps, seen: stamps)
        }
      }
    }
    state = Mutex(
      State(
        book: keys.book, liveIDs: keys.book.liveIDs(at: now),
        tokenStamp: keys.stamps[file.path] ?? FileStamp(file.path),
        certificates: certificates, usesWrittenAt: now))
    self.deliver = deliver
    self.takeUses = takeUses
  }

  private func start() {
    let certificates = state.withLock { $0.certificates }
    for one in certificates { deliver(.identity(one.door, one.identity)) }
    lookAgain()
  }

  private func lookAgain() {
    thread.asyncAfter(deadline: .now() + Self.interval) { [weak self] in
      guard let self, !state.withLock(\.isOver) else { return }
      look()
      lookAgain()
    }
  }

  /// No look comes after it; the last uses are written.
  func finish(_ uses: TokenUses) {
    thread.sync {
      let isLast = state.withLock { state in
        defer { state.isOver = true }
        return !state.isOver
      }
      if isLast, !uses.times.isEmpty { write(uses) }
    }
  }

  private func look() {
    let now = SystemClocks().wall
    let renewals = state.withLock { tokens(&$0, now) + certificates(&$0, now) }
    for renewal in renewals { deliver(renewal) }
    noteUses(now)
  }

  // MARK: Tokens

  private func tokens(_ state: inout State, _ now: WallTime) -> [Renewal] {
    let stamp = FileStamp(file.path)
    var remarks: [Renewal] = []
    if stamp != state.tokenStamp {
      state.tokenStamp = stamp
      do throws(TokenFault) {
        let before = state.book
        let found = try file.find()
        // It may have gone since the look at it, and is not to be told of twice.
        if found == nil { state.tokenStamp = .missing }
        state.book = found ?? TokenBook()
        if state.book.isEmpty, !before.isEmpty { remarks = [.remark(lost)] }
      } catch {
        return [
          .remark(
            HostRemark(
              .error, "the tokens cannot be read; those of before hold", ["reason": "\(error)"]))
        ]
      }
    } else if state.book.liveIDs(at: now) == state.liveIDs {
      return []
    }
    state.liveIDs = state.book.liveIDs(at: now)
    return remarks + [.tokens(state.book)]
  }

  private var lost: HostRemark {
    HostRemark(
      .error, "the token file is gone or empty: none of its tokens opens the control door any more",
      [
        "file": file.path,
        "remedy": "put it back, or make a token: apus tokens create NAME --scope …; a host on "
          + "loopback that is started anew without the file asks for none",
      ])
  }

  private func noteUses(_ now: WallTime) {
    let isDue = state.withLock { state in
      guard now.milliseconds - state.usesWrittenAt.milliseconds >= Self.usesMilliseconds else {
        return false
      }
      state.usesWrittenAt = now
      return true
    }
    guard isDue else { return }
    takeUses { [self] uses in thread.async { [self] in write(uses) } }
  }

  private func write(_ uses: TokenUses) {
    do throws(TokenFault) { try uses.write(file) } catch {
      deliver(
        .remark(
          HostRemark(.warning, "when tokens were used cannot be noted", ["reason": "\(error)"])))
    }
  }

  // MARK: Certificates

  private func certificates(_ state: inout State, _ now: WallTime) -> [Renewal] {
    state.certificates.indices.flatMap { index in
      var certificate = state.certificates[index]
      defer { state.certificates[index] = certificate }
      return renewal(of: &certificate, now) + ending(of: &certificate, now)
    }
  }

  private func renewal(of certificate: inout Certificate, _ now: WallTime) -> [Renewal] {
    let stamps = [FileStamp(certificate.files.certificate), FileStamp(certificate.files.key)]
    defer { certificate.seen = stamps }
    // Two files are replaced one after the other: they are read when they have come to rest.
    guard stamps != certificate.dealtWith, stamps == certificate.seen else { return [] }
    certificate.dealtWith = stamps
    do throws(TLSFault) {
      let identity = try TLSIdentity.load(certificate.files, at: now)
      certificate.identity = identity
      certificate.notice = ExpiryNotice()
      return [
        .identity(certificate.door, identity),
        .remark(Self.remark(.notice, "the certificate was renewed", certificate)),
      ]
    } catch {
      var remark = Self.remark(
        .error, "the new certificate does not fit; the one of before is served", certificate)
      remark.details["reason"] = "\(error)"
      return [.rejected(certificate.door, "\(error)"), .remark(remark)]
    }
  }

  private func ending(of certificate: inout Certificate, _ now: WallTime) -> [Renewal] {
    let left = Int64(certificate.identity.validUntil) * 1000 - now.milliseconds
    guard let stage = certificate.notice.next(left: left) else { return [] }
    if stage == .far {
      return [.remark(Self.remark(.info, "serves with a certificate", certificate))]
    }
    var remark =
      stage == .over
      ? Self.remark(
        .error, "the certificate has expired: nobody who checks it comes in", certificate)
      : Self.remark(.warning, "the certificate expires soon", certificate)
    remark.details["remedy"] =
      "renew it and replace both files: they are taken up within a second"
    return [.remark(remark)]
  }

  private static func remark(
    _ weight: HostRemark.Weight, _ message: String, _ certificate: Certificate
  ) -> HostRemark {
    HostRemark(
      weight, message,
      [
        "door": certificate.door.rawValue, "file": certificate.files.certificate,
        "names": certificate.identity.names.joined(separator: ","),
        "until": TLSIdentity.moment(certificate.identity.validUntil),
      ])
  }
}

extension Host {
  /// What was renewed holds from here on, for calls and connections that come.
  func adopt(_ renewal: RenewalWatch.Renewal) {
    switch renewal {
    case .tokens(let book):
      access.replace(book)
      for door in controlDoors { door.accessChanged() }
    case .rejected(let door, let reason): certificateFaults[door] = reason
    case .identity(let door, let identity):
      certificateEnds[door] = identity.validUntil
      certificateFaults[door] = nil
      server(of: door)?.identity = identity
    case .remark(let remark): remarked?(remark)
    }
  }

  func server(of door: Door) -> HTTPServer? {
    switch door {
    case .function: functionServer
    case .control: controlServers.first
    }
  }
}
