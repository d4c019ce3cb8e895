import Addressing

extension RuleText {
    /// The conditions and the target as iptables-save prints them, each preceded by a blank.
    mutating func append(_ rule: Rule, family: IPFamily) {
        if case .opaque(let entry) = rule.target {
            append(opaque: entry)
            return
        }
        append(" -s ", rule.source)
        append(" -d ", rule.destination)
        append(" -i ", rule.inInterface)
        append(" -o ", rule.outInterface)
        if let transport = rule.transport {
            append(" -p ")
            append(keyword: transport)
        }
        for match in rule.matches { append(match, family: family) }
        append(rule.target, family: family)
    }

    private mutating func append(opaque entry: [UInt8]) {
        append(" # opaque ")
        for byte in entry {
            append(hex: UInt32(byte >> 4))
            append(hex: UInt32(byte & 15))
        }
    }

    private mutating func append(keyword transport: TransportProtocol) {
        switch transport {
        case .tcp: append("tcp")
        case .udp: append("udp")
        case .sctp: append("sctp")
        }
    }

    private mutating func append(_ flag: StaticString, _ match: PrefixMatch?) {
        guard let match, match.prefix.length > 0 || match.inverted else { return }
        if match.inverted { append(" !") }
        append(flag)
        append(match.prefix)
    }

    private mutating func append(_ flag: StaticString, _ match: InterfaceMatch?) {
        guard let match else { return }
        if match.inverted { append(" !") }
        append(flag)
        append(match.name)
        if match.isPrefix { append("+") }
    }

    private mutating func append(_ match: Match, family: IPFamily) {
        switch match {
        case .destinationPort(let transport, let ports): append(transport, ports)
        case .connectionState(let states, let inverted):
            append(" -m conntrack")
            append(inverted ? " ! --ctstate " : " --ctstate ")
            append(states)
        case .mark(let mark, let inverted):
            append(" -m mark")
            append(inverted ? " ! --mark 0x" : " --mark 0x")
            append(hex: mark.value)
            if mark.mask != .max {
                append("/0x")
                append(hex: mark.mask)
            }
        case .sourceIsLocal(let inverted):
            append(" -m addrtype")
            append(inverted ? " ! --src-type LOCAL" : " --src-type LOCAL")
        case .destinationIsLocal(let inverted):
            append(" -m addrtype")
            append(inverted ? " ! --dst-type LOCAL" : " --dst-type LOCAL")
        case .random(let probability):
            append(" -m statistic --mode random --probability ")
            append(probability)
        case .recent(let recent): append(recent, family: family)
        case .bpf(let program): append(program)
        case .set(let name, let dimensions, let inverted):
            append(" -m set")
            append(inverted ? " ! --match-set " : " --match-set ")
            append(name, dimensions)
        case .ipvs(let inverted): append(inverted ? " -m ipvs ! --ipvs" : " -m ipvs --ipvs")
        case .comment(let text):
            append(" -m comment --comment ")
            append(quoted: text)
        }
    }

    private mutating func append(_ transport: TransportProtocol, _ ports: ClosedRange<UInt16>) {
        append(" -m ")
        append(keyword: transport)
        // As in iptables-save, where all ports are no condition; only xt_sctp keeps that it was
        // given.
        if ports == 0...UInt16.max, transport != .sctp { return }
        append(" --dport ")
        append(decimal: UInt64(ports.lowerBound))
        if ports.count > 1 {
            append(":")
            append(decimal: UInt64(ports.upperBound))
        }
    }

    /// The states in the order in which libxt_conntrack prints them.
    private mutating func append(_ states: ConnectionState) {
        var isFirst = true
        func comma(_ text: inout RuleText) {
            if !isFirst { text.append(",") }
            isFirst = false
        }
        let names: [(ConnectionState, StaticString)] = [
            (.invalid, "INVALID"), (.new, "NEW"), (.related, "RELATED"),
            (.established, "ESTABLISHED"), (.untracked, "UNTRACKED"), (.snat, "SNAT"),
            (.dnat, "DNAT"),
        ]
        for (state, name) in names where states.contains(state) {
            comma(&self)
            append(name)
        }
    }

    private mutating func append(_ recent: RecentMatch, family: IPFamily) {
        append(" -m recent")
        switch recent.action {
        case .set: append(" --set")
        case .update(let seconds):
            append(" --update --seconds ")
            append(decimal: UInt64(seconds))
            append(" --reap")
        }
        append(" --name ")
        append(recent.list)
        append(" --mask ")
        switch family {
        case .ipv4: append("255.255.255.255")
        case .ipv6: append("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        }
        append(" --rsource")
    }

    private mutating func append(_ set: IPSetName, _ dimensions: [SetDimension]) {
        append(set.text)
        for (index, dimension) in dimensions.enumerated() {
            append(index == 0 ? " " : ",")
            append(dimension.rawValue)
        }
    }

    private mutating func append(_ program: [BPFInstruction]) {
        append(" -m bpf --bytecode \"")
        append(decimal: UInt64(program.count))
        for instruction in program {
            append(",")
            append(decimal: UInt64(instruction.code))
            append(" ")
            append(decimal: UInt64(instruction.jumpTrue))
            append(" ")
            append(decimal: UInt64(instruction.jumpFalse))
            append(" ")
            append(decimal: UInt64(instruction.operand))
        }
        append("\"")
    }

    private mutating func append(_ target: Target, family: IPFamily) {
        switch target {
        case .accept: append(" -j ACCEPT")
        case .drop: append(" -j DROP")
        case .returnToCaller: append(" -j RETURN")
        case .jump(let chain):
            append(" -j ")
            append(chain.text)
        case .goto(let chain):
            append(" -g ")
            append(chain.text)
        case .destinationNAT(let destination):
            append(" -j DNAT --to-destination ")
            append(destination)
        case .masquerade: append(" -j MASQUERADE --random-fully")
        case .mark(let mark):
            append(" -j MARK --set-xmark 0x")
            append(hex: mark.value)
            append("/0x")
            append(hex: mark.mask)
        case .markFromSet(let name, let dimensions):
            append(" -j SET --map-set ")
            append(name, dimensions)
            append(" --map-mark")
        case .reject:
            switch family {
            case .ipv4: append(" -j REJECT --reject-with icmp-port-unreachable")
            case .ipv6: append(" -j REJECT --reject-with icmp6-port-unreachable")
            }
        case .opaque: break  // the whole rule was appended instead
        }
    }
}
