import HashTreeCollections

/// Values by Service.
///
/// Copies share structure: keeping one while changing the other costs only the difference, where a
/// `Dictionary` would be copied completely.
///
/// Other modules call it unspecialised, so that the hot paths name the types that snapshots store: without
/// them each access looks up the metadata of the tree's nodes.
package struct ServiceMap<Value: Sendable & Equatable>: Sendable, Equatable {
    private var tree = TreeDictionary<ServiceName, Value>()

    package init() {}

    package subscript(name: ServiceName) -> Value? {
        @specialized(where Value == Service)
        @specialized(where Value == [EndpointSlice])
        get { tree[name] }
        @specialized(where Value == Service)
        @specialized(where Value == [EndpointSlice])
        set { tree[name] = newValue }
    }

    package subscript(name: ServiceName, default value: @autoclosure () -> Value) -> Value {
        @specialized(where Value == Service)
        @specialized(where Value == [EndpointSlice])
        get { tree[name, default: value()] }
        @specialized(where Value == Service)
        @specialized(where Value == [EndpointSlice])
        set { tree[name] = newValue }
    }

    package var count: Int { tree.count }
    package var isEmpty: Bool { tree.isEmpty }
    /// Unordered.
    package var keys: some Collection<ServiceName> { tree.keys }
    /// Unordered.
    package var values: some Collection<Value> { tree.values }
}

extension ServiceMap: Sequence {
    /// Unordered.
    @specialized(where Value == Service)
    @specialized(where Value == [EndpointSlice])
    package func makeIterator() -> AnyIterator<(key: ServiceName, value: Value)> {
        var iterator = tree.makeIterator()
        return AnyIterator { iterator.next() }
    }
}

extension ServiceMap: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (ServiceName, Value)...) {
        for (name, value) in elements { tree[name] = value }
    }
}
