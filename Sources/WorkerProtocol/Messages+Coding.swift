// Writing and reading of the payloads, field by field in the order of declaration.

extension Hello {
  package func write(to writer: inout FrameWriter) {
    writer.put(version)
    writer.put(buildID)
    writer.put(handlers) {
      $0.put($1.name)
      $0.put($1.kind.rawValue)
      $0.put($1.input)
      $0.put($1.output)
    }
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .hello)
    let version = try reader.number(UInt32.self)
    // The version is the first field for ever, so that a mismatch is named and not misread.
    guard version == Hello.version else { throw .wrongVersion(theirs: version) }
    let buildID = try reader.text()
    let handlers = try reader.list { (reader: inout PayloadReader) throws(FrameFault) in
      let name = try reader.text()
      guard let kind = Handler.Kind(rawValue: try reader.number()) else {
        throw .truncatedPayload(.hello)
      }
      return Handler(name: name, kind: kind, input: try reader.text(), output: try reader.text())
    }
    self.init(version: version, buildID: buildID, handlers: handlers)
  }
}

extension NameValue {
  static func write(to writer: inout FrameWriter, _ pair: NameValue) {
    writer.put(pair.name)
    writer.put(pair.value)
  }

  static func read(from reader: inout PayloadReader) throws(FrameFault) -> NameValue {
    NameValue(name: try reader.text(), value: try reader.text())
  }
}

extension Probed {
  package func write(to writer: inout FrameWriter) { writer.put(fault) }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .probed)
    self.init(fault: try reader.optionalText())
  }
}

extension Start {
  package func write(to writer: inout FrameWriter) {
    writer.put(function)
    writer.put(handler)
    writer.put(attemptsMax)
    writer.put(failures)
    writer.put(remainingNanoseconds)
    writer.put(idempotencyKey)
    writer.put(cause) { $0.put($1) }
    event.write(to: &writer)
    writer.put(call) { $1.write(to: &$0) }
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .start)
    try self.init(from: &reader)
  }

  init(from reader: inout PayloadReader) throws(FrameFault) {
    self.init(
      function: try reader.text(), handler: try reader.text(), attemptsMax: try reader.number(),
      failures: try reader.number(), remainingNanoseconds: try reader.number(),
      idempotencyKey: try reader.text(),
      cause: try reader.optional { (reader: inout PayloadReader) throws(FrameFault) in
        try reader.number(Int64.self)
      },
      event: try EventFields(from: &reader),
      call: try reader.optional { (reader: inout PayloadReader) throws(FrameFault) in
        try Call(from: &reader)
      })
  }
}

extension Start.EventFields {
  func write(to writer: inout FrameWriter) {
    writer.put(id)
    writer.put(source)
    writer.put(type)
    writer.put(subject)
    writer.put(time)
    writer.put(dataContentType)
    writer.put(dataSchema)
    writer.put(extensions, NameValue.write)
    writer.put(data)
  }

  init(from reader: inout PayloadReader) throws(FrameFault) {
    self.init(
      id: try reader.text(), source: try reader.text(), type: try reader.text(),
      subject: try reader.optionalText(), time: try reader.text(),
      dataContentType: try reader.optionalText(), dataSchema: try reader.optionalText(),
      extensions: try reader.list(NameValue.read), data: try reader.block())
  }
}

extension Start.Call {
  func write(to writer: inout FrameWriter) {
    writer.put(method)
    writer.put(path)
    writer.put(query)
    writer.put(parameters, NameValue.write)
    writer.put(headers, NameValue.write)
  }

  init(from reader: inout PayloadReader) throws(FrameFault) {
    self.init(
      method: try reader.text(), path: try reader.text(), query: try reader.optionalText(),
      parameters: try reader.list(NameValue.read), headers: try reader.list(NameValue.read))
  }
}

extension ResponseHead {
  package func write(to writer: inout FrameWriter) {
    writer.put(status)
    writer.put(headers, NameValue.write)
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .responseHead)
    try self.init(from: &reader)
  }

  init(from reader: inout PayloadReader) throws(FrameFault) {
    self.init(status: try reader.number(), headers: try reader.list(NameValue.read))
  }
}

extension AttemptResult {
  package func write(to writer: inout FrameWriter) {
    switch value {
    case .nothing: writer.put(UInt8(0))
    case .json(let bytes):
      writer.put(UInt8(1))
      writer.put(bytes)
    case .response(let head, let body):
      writer.put(UInt8(2))
      head.write(to: &writer)
      writer.put(body)
    case .streamed: writer.put(UInt8(3))
    }
    writer.put(emitted) { $1.write(to: &$0) }
    writer.put(cpuMicroseconds)
    writer.put(memoryBytes)
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .result)
    let value: Value
    switch try reader.number(UInt8.self) {
    case 0: value = .nothing
    case 1: value = .json(try reader.block())
    case 2: value = .response(try ResponseHead(from: &reader), body: try reader.block())
    case 3: value = .streamed
    default: throw .truncatedPayload(.result)
    }
    let emitted = try reader.list { (reader: inout PayloadReader) throws(FrameFault) in
      try Emitted(from: &reader)
    }
    self.init(
      value: value, emitted: emitted, cpuMicroseconds: try reader.number(),
      memoryBytes: try reader.number())
  }
}

extension AttemptResult.Emitted {
  func write(to writer: inout FrameWriter) {
    writer.put(queue)
    writer.put(type)
    writer.put(subject)
    writer.put(id)
    writer.put(delayMilliseconds)
    writer.put(contentType)
    writer.put(data)
  }

  init(from reader: inout PayloadReader) throws(FrameFault) {
    self.init(
      queue: try reader.text(), type: try reader.optionalText(),
      subject: try reader.optionalText(), id: try reader.optionalText(),
      delayMilliseconds: try reader.number(), contentType: try reader.text(),
      data: try reader.block())
  }
}

extension AttemptFailure {
  package func write(to writer: inout FrameWriter) {
    writer.put(kind.rawValue)
    writer.put(type)
    writer.put(message)
    writer.put(retryAfterMilliseconds) { $0.put($1) }
    writer.put(cpuMicroseconds)
    writer.put(memoryBytes)
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .failure)
    guard let kind = Kind(rawValue: try reader.number()) else { throw .truncatedPayload(.failure) }
    self.init(
      kind: kind, type: try reader.text(), message: try reader.text(),
      retryAfterMilliseconds: try reader.optional {
        (reader: inout PayloadReader) throws(FrameFault) in try reader.number(Int64.self)
      },
      cpuMicroseconds: try reader.number(), memoryBytes: try reader.number())
  }
}

extension LogEntry {
  package func write(to writer: inout FrameWriter) {
    writer.put(level.rawValue)
    writer.put(time)
    writer.put(message)
    writer.put(metadata, NameValue.write)
  }

  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .log)
    guard let level = Level(rawValue: try reader.number()) else { throw .truncatedPayload(.log) }
    self.init(
      level: level, time: try reader.number(), message: try reader.text(),
      metadata: try reader.list(NameValue.read))
  }
}
