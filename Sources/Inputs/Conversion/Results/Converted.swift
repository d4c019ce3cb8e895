package import Addressing
import PrintableText
package import ServiceModel

/// What another program's Services are as Fairlead's, and what of them has no equivalent.
package struct Converted: Sendable, Equatable {
    package var services: [ConvertedService] = []
    /// In no order yet while a conversion runs; afterwards by line.
    package var findings: [Finding] = []

    package init() {}

    /// True if nothing that the input says about Services is lost.
    package var isWhole: Bool { findings.allSatisfy { $0.kind == .note } }

    /// Records a part that has no equivalent.
    mutating func leaveOut(_ line: Int, _ object: String, _ reason: String) {
        findings.append(Finding(kind: .leftOut, line: line, object: object, reason: reason))
    }

    /// Records something worth knowing that loses nothing.
    mutating func note(_ line: Int, _ object: String, _ reason: String) {
        findings.append(Finding(kind: .note, line: line, object: object, reason: reason))
    }
}

/// What a person should know about one place of the input.
package struct Finding: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// A part of the input that is not in the result.
        case leftOut
        /// Nothing that concerns Services is lost.
        case note
    }

    package var kind: Kind
    /// 1-based.
    package var line: Int
    /// What it is about, such as `192.0.2.10:80/tcp`; empty for the whole input.
    package var object: String
    /// Safe to print: what came from the input is quoted or made printable.
    package var reason: String

    /// `FILE:LINE: object: reason`; notes begin with `note:`.
    package func description(in file: String) -> String {
        let place = "\(printable(file, limit: 4096)):\(line): "
        let subject = object.isEmpty ? "" : "\(object): "
        return place + (kind == .note ? "note: " : "") + subject + reason
    }
}

/// A Service with its endpoints, as the short form has them.
package struct ConvertedService: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var endpoint: Endpoint
        /// Its own port, if that is not the Service's target; nil unless the Service has one port.
        package var port: PortNumber?
    }

    /// Where the input begins to describe it; 1-based.
    package var line: Int
    package var service: Service
    /// The port at the endpoints for each of the Service's ports.
    package var targets: [PortNumber]
    package var members: [Member] = []
}
