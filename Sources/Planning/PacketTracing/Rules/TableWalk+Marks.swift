import DataplaneModel

extension TableWalk {
    /// Gives the packet the mark of its entry in a set, if it has one.
    mutating func marking(
        _ flow: Flow,
        from name: IPSetName,
        _ sides: [SetDimension],
        at place: Place,
        _ index: Int
    ) -> Flow {
        guard let question = hook.question(to: name, sides, flow.packet) else {
            reportMissing(name.text, at: place, index)
            return flow
        }
        if case .unknown(let why) = question.answer {
            findings.report(
                TraceProblem(.undecidable, at: text(place, index), "treated as no entry: \(why)")
            )
        }
        guard let mark = question.mark else { return flow }
        return flow.changing { $0.mark = mark }
    }

    mutating func reportMissing(_ name: String, at place: Place, _ index: Int) {
        findings.report(
            TraceProblem(
                .missingSet,
                at: text(place, index),
                "there is no set \(name); treated as no match"
            )
        )
    }

    /// The changes of the packets' marks; only the first few.
    func effect(of name: IPSetName, _ sides: [SetDimension], on flows: [Flow]) -> String {
        var effects: [String] = []
        for flow in flows {
            let effect = effect(of: name, sides, on: flow.packet)
            if !effects.contains(effect) { effects.append(effect) }
            if effects.count > 3 { return effects[..<3].joined(separator: "; ") + "; …" }
        }
        return effects.joined(separator: "; ")
    }

    private func effect(
        of name: IPSetName,
        _ sides: [SetDimension],
        on packet: PacketState
    ) -> String {
        guard let question = hook.question(to: name, sides, packet) else {
            return "undecided"
        }
        if let mark = question.mark { return "mark becomes \(mark.hexadecimal) (from \(name))" }
        let reason =
            switch question.answer {
            case .member: "\(name) carries no marks"
            case .absent: hook.text(of: name, sides, packet, isMember: false)
            case .unknown(let why): why
            }
        return "mark stays \(packet.mark.hexadecimal): \(reason)"
    }
}

extension SetQuestion {
    /// The mark that a packet gets; nil if it keeps its own.
    fileprivate var mark: UInt32? {
        guard set.carriesMarks, case .member(_, let mark) = answer else { return nil }
        return mark
    }
}
