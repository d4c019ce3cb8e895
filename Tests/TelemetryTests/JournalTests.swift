import Foundation
import Glibc
import Logging
import Testing

@testable import Telemetry

@Suite("Logs for journald")
struct JournalTests {
    /// journald's end.
    private final class Journal {
        let path =
            "\(FileManager.default.temporaryDirectory.path)/fairlead-journal-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let descriptor: Int32

        init() {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }

        deinit {
            close(descriptor)
            unlink(path)
        }

        var entry: [UInt8] {
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            return Array(chunk[..<max(0, count)])
        }
    }

    @Test("Metadata become fields, and the message shows them all")
    func fields() {
        let journal = Journal()
        let values = LogSettings.Values(format: .journal, level: .info)
        let settings = LogSettings(values, journal: journal.path)
        let logger = Logger(label: "test") { _ in DaemonLogHandler(settings) }
        logger.warning("Pass done", metadata: ["ms": "12", "last-kind": "full"])
        #expect(
            String(decoding: journal.entry, as: UTF8.self) == """
                MESSAGE=Pass done last-kind=full ms=12
                PRIORITY=4
                SYSLOG_IDENTIFIER=fairlead
                FAIRLEAD_EVENT=Pass done
                FAIRLEAD_LAST_KIND=full
                FAIRLEAD_MS=12

                """
        )
        logger.debug("Not wanted")
        #expect(journal.entry.isEmpty)
        var chatty = logger
        chatty.logLevel = .debug
        chatty.debug("Wanted")
        #expect(!journal.entry.isEmpty)
        logger.debug("Not wanted by the other copy")
        #expect(journal.entry.isEmpty)
        // As a reload does; copies that others keep follow.
        settings.set(.init(format: .journal, level: .debug))
        logger.debug("Wanted now")
        #expect(!journal.entry.isEmpty)
    }

    @Test("Line breaks in a value make no other fields")
    func lineBreaks() {
        let bytes = JournalSocket.entry([("MESSAGE", "a"), ("FAIRLEAD_NAME", "x\nPRIORITY=0")])
        let expected =
            Array("MESSAGE=a\nFAIRLEAD_NAME\n".utf8) + [12, 0, 0, 0, 0, 0, 0, 0]
            + Array("x\nPRIORITY=0\n".utf8)
        #expect(bytes == expected)
    }

    @Test("Hostile keys become names that journald takes")
    func names() {
        #expect(JournalSocket.name(of: "a=b\nc") == "FAIRLEAD_A_B_C")
        #expect(JournalSocket.name(of: String(repeating: "x", count: 100)).utf8.count == 64)
    }

    @Test("Only a standard error that is the journal's own is the journal")
    func stream() {
        let journal = Journal()
        var status = stat()
        fstat(journal.descriptor, &status)
        let name = "\(status.st_dev):\(status.st_ino)"
        func isJournal(_ environment: [String: String]) -> Bool {
            DaemonLogHandler.isForJournal(environment, descriptor: journal.descriptor)
        }
        #expect(isJournal(["JOURNAL_STREAM": name]))
        #expect(!isJournal(["JOURNAL_STREAM": "\(name)1"]) && !isJournal([:]))
    }

    @Test("Without a listener the entry is not lost")
    func fallback() {
        let socket = JournalSocket(path: "/nonexistent/socket")
        #expect(socket?.send([("MESSAGE", "a")]) == false)
    }
}
