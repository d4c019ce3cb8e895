import DataplaneModel

/// An element that a rule has put into a dynamic map for a client.
struct DynamicElement: Hashable {
    /// Where it is.
    struct Key: Hashable {
        var map: NFTSetName
        var key: NFTValue
    }

    var key: Key
    var value: UInt32
    /// What it stands for has been removed since.
    var isStale = false
}
