// What is found at the doors: who may come in, and what the doors prove themselves with.

import Doors
import HTTP
import Hosting
import Invocations
import Records

/// A door's certificate, as the host that serves it tells, or else as its files are.
struct CertificateLook: Equatable {
  var door: String
  var file: String
  var expiresAt: WallTime?
  /// Why its files cannot be served.
  var fault: String?
  var isServed: Bool
}

extension Examination {
  private static let namesMax = 5

  var tokenFile: [Finding] {
    switch tokens {
    case nil: return []
    case .failure(let fault):
      let consequence =
        report.surroundings.hostPid == nil
        ? "no host starts here" : "the host goes on with those of before, and would not start again"
      return [
        Finding(
          .problem, "tokens-unreadable", "\(fault.problem); \(consequence)",
          fault.remedy.isEmpty ? "let the host's user read the file" : fault.remedy)
      ]
    case .success(let book):
      let expired = book.tokens.filter { $0.revokedAt == nil && !$0.isLive(at: now) }
      guard !expired.isEmpty else { return [] }
      let names = expired.prefix(Self.namesMax).map(\.title).joined(separator: ", ")
      let more = expired.count > Self.namesMax ? " and \(expired.count - Self.namesMax) more" : ""
      return [
        Finding(
          .note, "tokens-expired", "tokens that have expired: \(names)\(more)",
          "revoke each with apus tokens revoke NAME, and make a new one where it is still needed")
      ]
    }
  }

  var openDoor: [Finding] {
    (host.answers?.itself.list("doors") ?? []).filter { $0["asksForToken"] == "false" }.map {
      door in
      Finding(
        .note, "door-open",
        "the control door at \(door["address"] ?? "-") asks for no token: any user of this machine may "
          + "read the record and operate, though not deploy",
        "make one with apus tokens create NAME --scope …, or start the host with APUS_TOKEN")
    }
  }

  var certificates: [Finding] { certificateLooks.flatMap(findings) }

  /// A host knows what it serves; without one the settings name the files, as far as they are known
  /// here.
  private var certificateLooks: [CertificateLook] {
    guard let answers = host.answers else { return certificateFiles }
    return answers.itself.list("doors").compactMap { door in
      guard let file = door["certificate.file"] else { return nil }
      return CertificateLook(
        door: door["door"] ?? "-", file: file, expiresAt: door.time("certificate.expiresAt"),
        fault: door["certificate.rejected"], isServed: true)
    }
  }

  private func findings(of look: CertificateLook) -> [Finding] {
    var found: [Finding] = []
    if let fault = look.fault {
      found.append(
        look.isServed
          ? Finding(
            .problem, "certificate-rejected",
            "the renewed certificate of the \(look.door) door does not fit: \(fault); the one of before "
              + "is served",
            "put two files that belong together in place: the host takes them up within a second")
          : Finding(
            .problem, "certificate-unusable", "the \(look.door) door: \(fault)",
            "no host starts with it: put two files that belong together in place"))
    }
    guard let end = look.expiresAt else { return found }
    let left = end.milliseconds - now.milliseconds
    let renewal = "renew it and replace both files: the host takes them up within a second"
    if left <= 0 {
      found.append(
        Finding(
          .problem, "certificate-expired",
          "the certificate of the \(look.door) door, \(look.file), expired at "
            + TimeWords.instant(end) + ": nobody who checks it comes in",
          renewal))
    } else if left <= Bounds.certificateLeftMin.milliseconds {
      found.append(
        Finding(
          .warning, "certificate-ending",
          "the certificate of the \(look.door) door, \(look.file), expires "
            + TimeWords.relative(end, to: now),
          renewal))
    }
    return found
  }
}

extension CertificateLook {
  /// Of the files that the settings name, for the next start.
  static func files(in settings: Settings, now: WallTime) throws(CommandFault) -> [CertificateLook]
  {
    let pairs: [(String, TLSFiles?)] = [
      ("function", try settings.files(.functionDoorCert, .functionDoorKey)),
      ("control", try settings.files(.controlDoorCert, .controlDoorKey)),
    ]
    return pairs.compactMap { door, files in
      files.map { of($0, door: door, now: now) }
    }
  }

  private static func of(_ files: TLSFiles, door: String, now: WallTime) -> CertificateLook {
    var look = CertificateLook(
      door: door, file: files.certificate, expiresAt: nil, fault: nil, isServed: false)
    do throws(TLSFault) {
      let identity = try TLSIdentity.load(files, now: Int(now.milliseconds / 1000)) {
        TimeWords.instant(WallTime(milliseconds: Int64($0) * 1000))
      }
      look.expiresAt = WallTime(milliseconds: Int64(identity.validUntil) * 1000)
    } catch {
      look.fault = "\(error)"
    }
    return look
  }
}
