import Glibc
import Logging
import Testing

@testable import Telemetry

@Suite("Logs on a terminal")
struct TerminalLineTests {
    private static let time = "2026-11-24T06:30:15.788Z"

    @Test("Levels and messages are in columns, and nothing follows the last word")
    func columns() {
        let line = TerminalLine(inColour: false)
        #expect(
            [
                line.text(Self.time, .info, "Pass done", [("ms", "12"), ("services", "2")]),
                line.text(Self.time, .warning, "Started", [("mode", "ipvs")]),
                line.text(Self.time, .critical, "Stopping", []),
            ] == [
                "06:30:15.788Z  INFO      Pass done                         ms=12 services=2",
                "06:30:15.788Z  WARNING   Started                           mode=ipvs",
                "06:30:15.788Z  CRITICAL  Stopping",
            ]
        )
    }

    @Test("Colours change no other character")
    func colours() {
        let fields = [(key: "ms", value: "12")]
        let levels: [Logger.Level] = [.debug, .info, .notice, .warning, .error, .critical]
        for level in levels {
            let coloured = TerminalLine(inColour: true).text(Self.time, level, "Pass done", fields)
            let plain = TerminalLine(inColour: false).text(Self.time, level, "Pass done", fields)
            #expect(coloured.replacing(/\u{1b}\[[0-9;]*m/, with: "") == plain)
            #expect(coloured != plain)
        }
    }

    @Test("A hostile name brings no escape sequence and no line end to the terminal")
    func hostile() {
        let line = DaemonLogHandler.line(
            .terminal(inColour: false),
            .info,
            "Pass done",
            [("service", "a\u{1b}[2J\nb\u{202e}c\u{2028}d\u{e0041}")]
        )
        let escaped = "a\\u001b[2J\\nb\\u202ec\\u2028d\\udb40\\udc41"
        #expect(line.hasSuffix("service=\"\(escaped)\""))
        #expect(!line.contains("\n"))
    }

    @Test("Only a terminal gets columns, and colours unless something refuses them")
    func choice() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(DaemonLogHandler.Format.forPeople([:], descriptor: ends[1]) == .text)

        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(terminal) }
        let cases: [([String: String], Bool)] = [
            ([:], true), (["NO_COLOR": ""], true), (["NO_COLOR": "1"], false),
            (["TERM": "dumb"], false), (["TERM": "xterm"], true),
        ]
        for (environment, inColour) in cases {
            #expect(
                DaemonLogHandler.Format.forPeople(environment, descriptor: terminal)
                    == .terminal(inColour: inColour)
            )
        }
    }
}
