import Addressing
import AnnotatedYAML
import ServiceModel

/// The annotation `fairlead.dev/weight` of an EndpointSlice: `5`, or `10.0.0.1=5,10.0.0.2=0`, or
/// both.
struct WeightAnnotation {
    private var common = EndpointWeight.standard
    private var byAddress: [IPAddress: UInt32] = [:]

    /// Every endpoint has the standard weight if there is no annotation.
    init(_ object: Fields) throws(FieldError) {
        let annotations = try object.fields("metadata")?.fields("annotations")
        guard let annotations, let text = try annotations.string(EndpointWeight.annotation)
        else { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", omittingEmptySubsequences: false)
                .map { String($0).trimmed }
            guard words.count <= 2, let weight = Self.weight(words[words.count - 1]) else {
                throw annotations.error(
                    EndpointWeight.annotation,
                    "\(quoted(String(part))) is neither a weight of 0...65535 nor ADDRESS=WEIGHT"
                )
            }
            if words.count == 1 {
                common = weight
            } else if let address = IPAddress(words[0]) {
                byAddress[address] = weight
            } else {
                throw annotations.error(
                    EndpointWeight.annotation,
                    "\(quoted(words[0])) is no IP address"
                )
            }
        }
    }

    func weight(of address: IPAddress) -> UInt32 { byAddress[address] ?? common }

    private static func weight(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            EndpointWeight.range.contains(number)
        else { return nil }
        return UInt32(number)
    }
}
