// The way to a host: where it is, what is sent, what its refusals mean; and its stream of events.

import Glibc
import HTTP
import Testing

@testable import ApusCommand

struct HostFinderTests {
  private func place(_ text: String?) -> String? {
    text.flatMap { HostPlace.address(of: $0) }.map { "\($0)" }
  }

  @Test func `the address of a host is a URL, a pair or a socket`() {
    #expect(place("http://127.0.0.1:7070") == "127.0.0.1:7070")
    #expect(place("http://127.0.0.1:7070/") == "127.0.0.1:7070")
    #expect(place("localhost:7070") == "localhost:7070")
    #expect(place("http://[::1]:7070") == "[::1]:7070")
    #expect(place("http://[::1]") == "[::1]:80")
    #expect(place("http://example.org") == "example.org:80")
    #expect(place("unix:.apus/control.sock") == ".apus/control.sock")
    #expect(place("https://apus.example:7070") == "apus.example:7070")
    #expect(place("https://[::1]") == "[::1]:443")
    for bad in ["ftp://x:1", "https://x:y", "http://x:y", "http://x:1/v1", "unix:", "", "x:70000"] {
      #expect(place(bad) == nil, "\(bad)")
    }
  }

  @Test func `a host is found by what it wrote down`() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "doors.json",
      #"{"functionDoor":"http://127.0.0.1:8080","controlDoor":"http://127.0.0.1:7171","pid":4711}"#)
    let place = try HostPlace.find(host: nil, dataDirectory: folder.path)
    #expect("\(place.address)" == "127.0.0.1:7171")
    #expect(place.remedy.contains("process 4711"))
  }

  @Test func `the socket of the directory is the way in where it is there`() throws {
    let folder = try TemporaryFolder()
    try folder.write("doors.json", #"{"controlDoor":"https://0.0.0.0:7171","pid":4711}"#)
    // A file of that name is no socket.
    try folder.write("control.sock", "")
    var place = try HostPlace.find(host: nil, dataDirectory: folder.path)
    #expect("\(place.address)" == "0.0.0.0:7171")
    unlink("\(folder.path)/control.sock")
    #expect(mknod("\(folder.path)/control.sock", S_IFSOCK | 0o600, 0) == 0)
    place = try HostPlace.find(host: nil, dataDirectory: folder.path)
    #expect("\(place.address)" == "\(folder.path)/control.sock")
  }

  @Test func `where there is none, it says how to start one`() throws {
    let folder = try TemporaryFolder()
    do throws(CommandFault) {
      _ = try HostPlace.find(host: nil, dataDirectory: folder.path)
      Issue.record("something was found")
    } catch {
      #expect(error.status == 69)
      #expect(error.message.contains("apus dev"))
    }
  }

  @Test func `a file that a dead host left leads nowhere, and says so`() throws {
    let folder = try TemporaryFolder()
    // Nobody listens on the discard port of a loopback address of its own.
    try folder.write("doors.json", #"{"controlDoor":"http://127.77.77.77:9","pid":1}"#)
    let client = ControlClient(
      try HostPlace.find(host: nil, dataDirectory: folder.path), token: nil)
    do throws(CommandFault) {
      _ = try client.call("GET", ["v1", "functions"])
      Issue.record("somebody answered")
    } catch {
      #expect(error.status == 69)
      #expect(error.message.contains("was left by a host (process 1)"), "\(error.message)")
    }
  }
}

struct ControlClientTests {
  @Test func `nothing in a name can end its part of the target`() {
    #expect(
      ControlClient.target(["v1", "timers", "report-status/0", "fire"], [])
        == "/v1/timers/report-status%2F0/fire")
    #expect(
      ControlClient.target(
        ["v1", "invocations"], [("text", "a&b=ü c"), ("key", nil), ("limit", "5")])
        == "/v1/invocations?text=a%26b%3D%C3%BC%20c&limit=5")
  }

  private func fault(_ status: Int, _ headers: [(String, String)] = []) -> CommandFault? {
    let body = #"{"title":"T","detail":"what is wrong","code":"c"}"#
    return ControlClient.fault(status, HTTPFields(headers), Array(body.utf8))
  }

  @Test func `a refusal becomes the exit code that scripts branch on`() {
    #expect(fault(202) == nil)
    for status in [400, 413, 415] { #expect(fault(status) == .badInput("what is wrong")) }
    for status in [403, 404, 409, 422, 500, 504] {
      #expect(fault(status) == .failed("what is wrong"))
    }
    #expect(fault(429) == .tryLater("what is wrong"))
    #expect(fault(503, [("Retry-After", "5")]) == .tryLater("what is wrong"))
    #expect(fault(503) == .failed("what is wrong"))
    #expect(fault(401)?.message.contains("APUS_TOKEN") == true)
  }

  @Test func `a function that failed leads to its story`() {
    #expect(
      fault(500, [("Apus-Invocation", "0AKQNH4800000")])
        == .failed("what is wrong\nThe whole story: apus invocations show 0AKQNH4800000"))
  }
}

struct ServerSentEventTests {
  private let stream =
    ": connected\n\nevent: started\ndata: {\"a\":1}\n\nid: 7\ndata: x\r\ndata:y\r\n\r\n: alive\n\n"

  @Test(arguments: [1, 2, 3, 7, 1000])
  func `events are the same in whatever pieces they come`(size: Int) throws {
    var parser = ServerSentEvents()
    var events: [ServerSentEvents.Event] = []
    var rest = Array(stream.utf8)[...]
    while !rest.isEmpty {
      let arrived = parser.take(Array(rest.prefix(size)))
      events += try #require(arrived)
      rest = rest.dropFirst(size)
    }
    #expect(
      events == [.init(name: "started", data: #"{"a":1}"#), .init(name: "", data: "x\ny")])
  }

  @Test func `a line without an end is given up at the limit`() {
    var parser = ServerSentEvents()
    let line = [UInt8](repeating: 65, count: ServerSentEvents.lineBytesMax)
    #expect(parser.take(line) == [])
    #expect(parser.take([65]) == nil)
  }
}
