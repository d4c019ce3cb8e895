import LabCluster
import NamespaceLab
import Testing

@Suite("Lost connections of a check")
struct LostConnectionTests {
    /// A check of two nodes with nothing wrong.
    private func answered() throws -> [CheckedConnection] {
        let shape = try LabShape(nodes: 2)
        return ServiceMatrix(shape).connections.map { connection in
            var connection = connection
            let outcome =
                switch connection.expectation {
                case .answers(let pods, _): "pod\(pods[0]) 192.0.2.100"
                case .refused: "refused"
                case .silence: "timeout"
                }
            let count = if case .answers = connection.expectation { 20 } else { 1 }
            connection.outcomes = [String](repeating: outcome, count: count)
            return connection
        }
    }

    @Test("Neither expected silence nor a wrong answer is a loss")
    func none() throws {
        var connections = try answered()
        #expect(LostConnections(connections).count == 0)
        #expect(!LostConnections(connections).mayBeClashes)
        connections[0].outcomes[3] = "pod6 192.0.2.100"
        connections[0].outcomes[4] = "refused"
        #expect(LostConnections(connections).count == 0)
    }

    @Test("A few that got no answer may be clashes, with their places; many are a fault")
    func few() throws {
        var connections = try answered()
        connections[0].outcomes[7] = "timeout"
        connections[5].outcomes[0] = "Connection reset by peer"
        connections[5].outcomes[2] = "closed"
        let lost = LostConnections(connections)
        #expect(lost.mayBeClashes)
        #expect(lost.count == 3)
        #expect(lost.places[0] == [7])
        #expect(lost.places[5] == [0, 2])
        connections[6].outcomes = [String](repeating: "timeout", count: 20)
        #expect(!LostConnections(connections).mayBeClashes)
    }
}
