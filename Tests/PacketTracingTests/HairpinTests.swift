import Addressing
import DataplaneModel
import Testing

@testable import PacketTracing

@Suite struct HairpinTests {
    /// Source equals destination: `ld [12]; tax; ld [16]; jeq x`.
    static let ipv4: [BPFInstruction] = [
        BPFInstruction(0x20, operand: 12), BPFInstruction(0x07, operand: 0),
        BPFInstruction(0x20, operand: 16), BPFInstruction(0x1d, jumpFalse: 1, operand: 0),
        BPFInstruction(0x06, operand: 1), BPFInstruction(0x06, operand: 0),
    ]

    /// The same for the four words of an IPv6 address.
    static let ipv6: [BPFInstruction] =
        [UInt32](0..<4).flatMap { word in
            [
                BPFInstruction(0x20, operand: 8 + 4 * word), BPFInstruction(0x07, operand: 0),
                BPFInstruction(0x20, operand: 24 + 4 * word),
                BPFInstruction(0x1d, jumpFalse: UInt8(1 + 4 * (3 - word)), operand: 0),
            ]
        } + [BPFInstruction(0x06, operand: 1), BPFInstruction(0x06, operand: 0)]

    @Test("Only the endpoint that reaches itself is masqueraded")
    func hairpin() throws {
        var made = HandMadeState.service(
            HandMadeState.evenly(["10.180.1.1:80", "10.180.1.2:80"]),
            masquerading: false
        )
        made.builtin(
            .postrouting,
            [Rule(matches: [.connectionState(.dnat), .bpf(Self.ipv4)], target: .masquerade)]
        )
        let flows = """
            10.180.1.1 -> 10.96.0.10:80/tcp = 10.180.1.1:80 1/2 masq, 10.180.1.2:80 1/2
            10.180.1.3 -> 10.96.0.10:80/tcp = 10.180.1.1:80, 10.180.1.2:80
            """
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("10.180.1.1", to: "10.96.0.10:80/tcp")
        let step = try #require(trace.path.last?.steps.first)
        #expect(step.destinations == ["10.180.1.1:80"])
        #expect(
            step.reasons.last
                == "the BPF program matches: source and destination are 10.180.1.1"
        )
    }

    @Test("The same in IPv6, where addresses differ in any of four words")
    func hairpinIPv6() throws {
        var made = HandMadeState.service(
            at: "fd00:96::10",
            HandMadeState.evenly(["[fd00:1::1]:80", "[fd00:1:0:1::1]:80"]),
            masquerading: false
        )
        made.builtin(.postrouting, [Rule(matches: [.bpf(Self.ipv6)], target: .masquerade)])
        let flows = """
            fd00:1::1 -> [fd00:96::10]:80/tcp = [fd00:1::1]:80 masq, [fd00:1:0:1::1]:80
            fd00:1:0:1::1 -> [fd00:96::10]:80/tcp = [fd00:1::1]:80, [fd00:1:0:1::1]:80 masq
            fd00:1::2 -> [fd00:96::10]:80/tcp = [fd00:1::1]:80, [fd00:1:0:1::1]:80
            fd00:1::2 -> fd00:96::10/icmp = UNTOUCHED
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("A program that needs unknown bytes is undecidable, and its rule does not match")
    func undecidable() throws {
        var made = HandMadeState()
        let program = [
            BPFInstruction(0x30, operand: 8), BPFInstruction(0x15, operand: 64),
            BPFInstruction(0x06, operand: 1),
        ]
        made.builtin(.filter, .forward, [Rule(matches: [.bpf(program)], target: .drop)])
        let trace = try made.trace("10.180.1.1", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(
            trace.problems == [
                TraceProblem(
                    .undecidable,
                    at: "filter FORWARD rule 1",
                    "treated as no match: the BPF program: instruction 1 compares unknown bytes"
                )
            ]
        )
    }

    @Test("The BPF machine computes as the kernel's does")
    func machine() {
        func run(_ program: (UInt16, UInt8, UInt8, UInt32)...) -> ClassicBPF.Answer {
            ClassicBPF.run(
                program.map {
                    BPFInstruction($0.0, jumpTrue: $0.1, jumpFalse: $0.2, operand: $0.3)
                },
                over: [0x45, 0, nil, 4, 0xff, 0xfe, 0xfd, 0xfc]
            )
        }
        func compute(_ code: UInt16, _ operand: UInt32) -> ClassicBPF.Answer {
            run((0x00, 0, 0, 100), (code, 0, 0, operand), (0x16, 0, 0, 0))
        }
        // Word, half and byte; index times 4 of the header length.
        #expect(run((0x20, 0, 0, 4), (0x16, 0, 0, 0)) == .value(0xfffe_fdfc))
        #expect(run((0x28, 0, 0, 4), (0x16, 0, 0, 0)) == .value(0xfffe))
        #expect(run((0x30, 0, 0, 7), (0x16, 0, 0, 0)) == .value(0xfc))
        #expect(run((0xb1, 0, 0, 0), (0x87, 0, 0, 0), (0x16, 0, 0, 0)) == .value(20))
        #expect(run((0x01, 0, 0, 3), (0x50, 0, 0, 1), (0x16, 0, 0, 0)) == .value(0xff))
        #expect(
            run((0x00, 0, 0, 7), (0x02, 0, 0, 3), (0x61, 0, 0, 3), (0x87, 0, 0, 0), (0x16, 0, 0, 0))
                == .value(7)
        )
        #expect(compute(0x04, 5) == .value(105))
        #expect(compute(0x14, 101) == .value(UInt32.max))
        #expect(compute(0x24, 3) == .value(300))
        #expect(compute(0x34, 7) == .value(14))
        #expect(compute(0x34, 0) == .value(0))
        #expect(compute(0x44, 3) == .value(103))
        #expect(compute(0x54, 6) == .value(4))
        #expect(compute(0x64, 2) == .value(400))
        #expect(compute(0x74, 2) == .value(25))
        #expect(compute(0x84, 0) == .value(0 &- 100))
        #expect(compute(0x94, 7) == .value(2))
        #expect(compute(0xa4, 1) == .value(101))
        // Jumps.
        for (code, operand, holds) in [
            (UInt16(0x15), UInt32(100), true), (0x15, 99, false), (0x25, 99, true),
            (0x25, 100, false), (0x35, 100, true), (0x35, 101, false), (0x45, 4, true),
            (0x45, 8, false),
        ] {
            let answer = run(
                (0x00, 0, 0, 100),
                (code, 0, 1, operand),
                (0x06, 0, 0, 1),
                (0x06, 0, 0, 0)
            )
            #expect(answer == .value(holds ? 1 : 0), "code \(code)")
        }
        #expect(run((0x05, 0, 0, 1), (0x06, 0, 0, 1), (0x06, 0, 0, 2)) == .value(2))
    }

    @Test("Programs the kernel would reject, extensions and unknown bytes are undecidable")
    func machineGivesUp() {
        let programs: [[BPFInstruction]] = [
            [], [BPFInstruction(0x04, operand: 1)],
            [BPFInstruction(0x05, operand: 9), BPFInstruction(0x06, operand: 0)],
            [BPFInstruction(0x05, operand: .max)], [BPFInstruction(0x20, operand: 0xffff_f000)],
            [BPFInstruction(0xffff, operand: 0)],
            [BPFInstruction(0x02, operand: 16), BPFInstruction(0x06, operand: 0)],
            [BPFInstruction(0x64, operand: 32), BPFInstruction(0x06, operand: 0)],
            [BPFInstruction(0x30, operand: 2), BPFInstruction(0x16, operand: 0)],
            [BPFInstruction(0x30, operand: 99), BPFInstruction(0x16, operand: 0)],
            [BPFInstruction(0x80, operand: 0), BPFInstruction(0x16, operand: 0)],
            [BPFInstruction(0x15, jumpTrue: 200, operand: 0)],
        ]
        for program in programs {
            let answer = ClassicBPF.run(program, over: [0x45, 0, nil, 4])
            guard case .undecidable = answer else {
                Issue.record("\(program) gave \(answer)")
                continue
            }
        }
    }

    @Test("Headers have the layout of RFC 791 and RFC 8200")
    func headers() throws {
        func bytes(_ source: String, _ destination: String) throws -> [UInt8?] {
            let packet = TracedPacket(
                from: address(source),
                to: try #require(PacketDestination(destination))
            )
            return PacketState(packet).networkBytes
        }
        let tcp = try bytes("10.1.2.3", "10.4.5.6:258/tcp")
        #expect(tcp.count == 40)
        #expect(tcp[9] == 6)
        #expect(tcp[12..<20] == [10, 1, 2, 3, 10, 4, 5, 6])
        #expect(tcp[20..<24] == [nil, nil, 1, 2])
        let ping = try bytes("fd00::1", "fd00::2/icmp")
        #expect(ping.count == 48)
        #expect(ping[6] == 58)
        #expect(ping[23] == 1 && ping[39] == 2 && ping[40] == 128)
    }
}
