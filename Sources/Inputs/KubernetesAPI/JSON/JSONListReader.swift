import KubernetesObjects

/// Reads a JSON list as bytes arrive.
struct JSONListReader: Sendable {
    private let resource: KubernetesResource
    private let settings: DecodingSettings
    private var splitter = JSONSplitter(.list, maximumBytes: MessageLimits.item)

    init(_ resource: KubernetesResource, _ settings: DecodingSettings) {
        self.resource = resource
        self.settings = settings
    }

    mutating func feed(_ bytes: Span<UInt8>) throws -> [APIObject] {
        var objects: [APIObject] = []
        let (resource, settings) = (resource, settings)
        try splitter.feed(bytes) { item in
            objects.append(try resource.object(json: item, isEvent: false, settings))
        }
        return objects
    }

    func finish() throws -> ListMetadata {
        guard splitter.isComplete else { throw APIDecodingError(reason: "the list is truncated") }
        let list: JSONList
        do throws(ObjectError) {
            list = try JSONDocument.decode(JSONList.self, splitter.rest)
        } catch {
            throw APIDecodingError(reason: "not valid API server JSON: \(error)")
        }
        if list.kind == "Status", let status = decodeStatus(splitter.rest, mediaType: .json) {
            throw status
        }
        try resource.check(apiVersion: list.apiVersion ?? "", kind: list.kind ?? "", isList: true)
        guard list.items?.isEmpty != false else {
            throw APIDecodingError(reason: "a JSON list whose items are not named as such")
        }
        return ListMetadata(
            resourceVersion: list.metadata?.resourceVersion ?? "",
            continueToken: list.metadata?.continue ?? ""
        )
    }
}
