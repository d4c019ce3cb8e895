import Glibc
import KubernetesAPI
import ServiceModel
import SystemCalls
import SystemPackage

/// The file that holds the last known state of the cluster: a line with the version and the proxy name, the
/// records of a complete state (the base), and then a record for each later change.
///
/// The base is replaced as a whole, atomically; changes are appended. A crash can cut off what was being
/// appended, and only that. All calls block.
struct ClusterFile: Sendable {
    /// A larger file is neither written nor read.
    static let maximumBytes = 128 << 20
    /// Changes are appended until they take this much, and as much as the base.
    static let smallestLimit = 1 << 20
    /// With a state of less than one part in this many of the base, the file is written anew.
    private static let shrinkage = 4
    /// What is handed to the disk at once.
    private static let piece = 1 << 18

    let path: String
    let settings: DecodingSettings
    private let head: [UInt8]

    /// How far the file can be used, in bytes.
    struct Extent: Sendable, Equatable {
        /// Up to the end of the base.
        var base: Int
        /// Up to the end of the last whole record.
        var whole: Int
        /// The size of the file.
        var size: Int
        /// Bytes for each object of the state when it was last written or compared as a whole.
        var density = 0.0

        /// Bytes after the last whole record.
        var torn: Int { size - whole }

        /// Whether that much more is to be appended rather than everything written anew.
        func takes(_ count: Int) -> Bool {
            whole - base + count <= max(base, ClusterFile.smallestLimit)
                && whole + count <= ClusterFile.maximumBytes
        }

        /// Whether `recording` leaves most of a large base unused.
        func outgrows(_ recording: ClusterRecording) -> Bool {
            // Most files are small, and their states need not be counted.
            base > ClusterFile.smallestLimit
                && outgrows(bytes: density * Double(recording.objects))
        }

        /// Whether a state of so many bytes does.
        func outgrows(bytes: Double) -> Bool {
            base > ClusterFile.smallestLimit && bytes < Double(base / ClusterFile.shrinkage)
        }
    }

    init(_ path: String, _ settings: DecodingSettings) {
        self.path = path
        self.settings = settings
        head = Array("fairlead-cluster 2 \(settings.serviceProxyName)\n".utf8)
    }

    // MARK: - Reading

    /// The saved state and how far the file could be used; nil if there is no file. With `services` false,
    /// only what is known besides Services is decoded.
    ///
    /// - Throws: `FileError`, and `APIDecodingError` if the file is not one of these for this proxy name,
    ///   or its base is damaged.
    func read(services: Bool) throws -> (recording: ClusterRecording, torn: Int)? {
        guard let first = try firstBytes() else { return nil }
        if first.starts(with: ClusterRecording.firstHead(settings)) {
            let bytes = try WholeFile.read(path, limit: Self.maximumBytes, options: .noFollow)
            return (try ClusterRecording(firstFormat: bytes, settings), 0)
        }
        var recording = ClusterRecording()
        let extent = try scan { body, _ in
            guard try services || ClusterRecord.subject(of: body) == .facts else { return }
            recording.apply(try ClusterRecord(body))
        }
        return extent.map { (recording, $0.torn) }
    }

    /// The first bytes, as many as a head of this proxy name has; nil if there is no file.
    private func firstBytes() throws(FileError) -> [UInt8]? {
        guard var reader = try RecordReader.open(path) else { return nil }
        return try reader.take(head.count).map(Array.init) ?? []
    }

    /// Passes the bodies of all whole records to `visit`, with their checksums; nil if there is no file.
    ///
    /// - Throws: as `read`, and what `visit` throws.
    private func scan(_ visit: (ArraySlice<UInt8>, UInt64) throws -> Void) throws -> Extent? {
        guard var reader = try RecordReader.open(path) else { return nil }
        guard reader.size <= Self.maximumBytes else {
            throw FileError.larger(than: Self.maximumBytes)
        }
        guard let first = try reader.take(head.count), first.elementsEqual(head) else {
            throw APIDecodingError(reason: "not a recording of this version for this proxy name")
        }
        var extent = Extent(base: 0, whole: head.count, size: reader.size)
        while let header = try reader.take(ClusterRecord.headerLength) {
            let (length, checksum) = ClusterRecord.header(header)
            guard let body = try reader.take(length), ClusterRecord.checksum(body) == checksum
            else { break }
            extent.whole += ClusterRecord.headerLength + length
            if try ClusterRecord.subject(of: body) == .baseEnd {
                extent.base = extent.whole
            } else {
                try visit(body, checksum)
            }
        }
        guard extent.base > 0 else { throw APIDecodingError(reason: "the recording is damaged") }
        return extent
    }

    // MARK: - Writing

    /// Makes the file hold `recording`: appends what differs from its content, or writes everything if
    /// that is less or the content cannot be used.
    ///
    /// - Throws: `FileError`, `ClientError` if the state is too large, and errors of encoding.
    func synchronize(_ recording: ClusterRecording) throws -> Extent {
        var held: [ClusterRecord.Subject: UInt64] = [:]
        let extent: Extent?
        do {
            extent = try scan { held[try ClusterRecord.subject(of: $0)] = $1 }
        } catch {
            // It is about to be replaced.
            extent = nil
        }
        guard var extent else { return try replace(recording) }
        var news: [UInt8] = []
        var bytes = 0
        func compare(_ record: ClusterRecord) throws -> Bool {
            let start = news.count
            let sum = try record.append(to: &news)
            bytes += news.count - start
            if held.removeValue(forKey: record.subject) == sum { news.removeSubrange(start...) }
            return extent.takes(news.count)
        }
        guard try compare(recording.facts) else { return try replace(recording) }
        for name in recording.names {
            guard try compare(recording.record(of: name)) else { return try replace(recording) }
        }
        if extent.outgrows(bytes: Double(bytes)) { return try replace(recording) }
        extent.density = recording.density(bytes)
        for case .service(let name) in held.keys {
            // A Service that is gone has an entry already if it was recorded as gone.
            guard try compare(recording.record(of: name)) else { return try replace(recording) }
        }
        guard !news.isEmpty || extent.torn > 0 else { return extent }
        return try append(news, extent)
    }

    /// Appends the present state of the named Services, and the facts if `facts` is set; writes everything
    /// anew if the file would become too long.
    ///
    /// - Throws: as `synchronize`.
    func append(
        _ names: Set<ServiceName>,
        facts: Bool,
        of recording: ClusterRecording,
        to extent: Extent
    ) throws -> Extent {
        if extent.outgrows(recording) { return try replace(recording) }
        var news: [UInt8] = []
        if facts { try recording.facts.append(to: &news) }
        for name in names {
            try recording.record(of: name).append(to: &news)
            guard extent.takes(news.count) else { return try replace(recording) }
        }
        if news.isEmpty { return extent }
        do {
            return try append(news, extent)
        } catch FileError.call(_, .noSuchFileOrDirectory) {
            // Another program has removed it.
            return try replace(recording)
        }
    }

    private func append(_ news: [UInt8], _ extent: Extent) throws -> Extent {
        try Self.require(extent.whole + news.count)
        guard try WholeFile.append(news, to: path, behind: extent.whole) else {
            throw ClientError("another program has shortened the file")
        }
        let whole = extent.whole + news.count
        return Extent(base: extent.base, whole: whole, size: whole, density: extent.density)
    }

    /// Writes a new base, in pieces.
    private func replace(_ recording: ClusterRecording) throws -> Extent {
        mkdir(path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }, 0o700)
        var written = 0
        try WholeFile.replace(path) { write in
            var pending = head
            func add(_ record: ClusterRecord) throws {
                try record.append(to: &pending)
                if pending.count >= Self.piece { try flush() }
            }
            func flush() throws {
                written += pending.count
                try Self.require(written)
                try write(pending)
                pending.removeAll(keepingCapacity: true)
            }
            try add(recording.facts)
            for name in recording.names { try add(recording.record(of: name)) }
            try add(.baseEnd)
            try flush()
        }
        return Extent(
            base: written,
            whole: written,
            size: written,
            density: recording.density(written)
        )
    }

    private static func require(_ count: Int) throws(ClientError) {
        guard count <= maximumBytes else {
            throw ClientError("more than \(maximumBytes) bytes are too many")
        }
    }
}

extension ClusterRecording {
    /// Services, slices and endpoints, of which most of a file is.
    fileprivate var objects: Int {
        slices.values.reduce(services.count) { count, slices in
            slices.reduce(count + slices.count) { $0 + $1.endpoints.count }
        }
    }

    fileprivate func density(_ bytes: Int) -> Double { Double(bytes) / Double(max(1, objects)) }
}

/// Reads a file from its beginning, in pieces.
private struct RecordReader: ~Copyable {
    private static let piece = 1 << 18

    let size: Int
    private let file: OwnedDescriptor
    private var buffer: [UInt8] = []
    /// Where the unread part of the buffer begins.
    private var position = 0
    /// How much of the file has been taken.
    private var taken = 0

    /// Nil if there is no file. A link is not followed.
    static func open(_ path: String) throws(FileError) -> RecordReader? {
        let file: OwnedDescriptor
        do throws(Errno) {
            // Opening a pipe would wait for a writer.
            file = try OwnedDescriptor(
                opening: path,
                .readOnly,
                options: [.noFollow, .nonBlocking]
            )
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw .call("open", error)
        }
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw .call("fstat", .last) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        return RecordReader(file, size: Int(status.st_size))
    }

    private init(_ file: consuming OwnedDescriptor, size: Int) {
        self.file = file
        self.size = size
    }

    /// The next `count` bytes; nil if the file has fewer.
    mutating func take(_ count: Int) throws(FileError) -> ArraySlice<UInt8>? {
        guard count <= size - taken else { return nil }
        if buffer.count - position < count {
            buffer.removeSubrange(..<position)
            position = 0
            while buffer.count < count {
                let wanted = max(Self.piece, count - buffer.count)
                let chunk: [UInt8]
                do throws(Errno) {
                    chunk = try file.read(upTo: wanted)
                } catch {
                    throw .call("read", error)
                }
                guard !chunk.isEmpty else { return nil }
                buffer += chunk
            }
        }
        taken += count
        defer { position += count }
        return buffer[position..<position + count]
    }
}
