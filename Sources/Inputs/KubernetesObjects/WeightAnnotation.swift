import Addressing
import PrintableText
import ServiceModel

/// The annotation `fairlead.dev/weight` of an EndpointSlice: `5`, `10.0.0.1=5,10.0.0.2=0`, or both.
struct WeightAnnotation {
    private var common = EndpointWeight.standard
    private var byAddress: [IPAddress: UInt32] = [:]

    /// Without the annotation every endpoint has the default weight.
    init(_ metadata: WireMetadata?) throws(ObjectError) {
        guard let text = metadata?.annotation(EndpointWeight.annotation) else { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", omittingEmptySubsequences: false)
                .map { String($0).trimmed }
            guard words.count <= 2, let weight = Self.weight(words[words.count - 1]) else {
                throw Self.error(
                    "\(quoted(String(part))) is neither a weight in 0...65535 nor ADDRESS=WEIGHT"
                )
            }
            if words.count == 1 {
                common = weight
            } else if let address = IPAddress(words[0]) {
                byAddress[address] = weight
            } else {
                throw Self.error("\(quoted(words[0])) is not an IP address")
            }
        }
    }

    func weight(of address: IPAddress) -> UInt32 { byAddress[address] ?? common }

    private static func error(_ reason: String) -> ObjectError {
        ObjectError(
            FieldPath("metadata", "annotations", .field(EndpointWeight.annotation)),
            reason
        )
    }

    private static func weight(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            EndpointWeight.range.contains(number)
        else { return nil }
        return UInt32(number)
    }
}
