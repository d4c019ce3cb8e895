// swift-tools-version: 6.2
import PackageDescription

// Set by scripts/fuzz: rooms are instrumented, and there is a library that libFuzzer drives.
let isFuzzing = Context.environment["FAIRLEAD_FUZZING"] != nil

// The Swift 6 language mode comes with the tools version. CI sets FAIRLEAD_WARNINGS_AS_ERRORS; a
// user's build never breaks over a newer compiler's warning.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    + (Context.environment["FAIRLEAD_WARNINGS_AS_ERRORS"] == nil
        ? [] : [.treatAllWarnings(as: .error)])
    + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])

func room(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    _ more: [SwiftSetting] = [],
    exclude: [String] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: settings + more
    )
}

func program(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: path,
        swiftSettings: settings
    )
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: settings
    )
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let treeCollections = Target.Dependency.product(
    name: "HashTreeCollections",
    package: "swift-collections"
)
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let httpClient = Target.Dependency.product(
    name: "AsyncHTTPClient",
    package: "async-http-client"
)
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioTLS = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "fairlead",
    products: [.executable(name: "fairlead", targets: ["fairlead"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.40.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(name: "CIPTables", pkgConfig: "libiptc", providers: [.apt(["libiptc-dev"])]),
        .systemLibrary(name: "CNetlink"),
        .systemLibrary(name: "CSpawn"),

        // The models: values, no I/O.
        room("Addressing"),
        room("ServiceModel", ["Addressing", treeCollections]),
        room("DataplaneModel", ["Addressing"]),

        // Pure: from what is wanted to rules, and from rules to what becomes of a packet.
        room("Planning", ["Addressing", "ServiceModel", "DataplaneModel"]),
        room("PacketTracing", ["Addressing", "DataplaneModel"]),

        room("Picturing", ["Addressing", "ServiceModel", "Planning"]),

        room("ProxyModes", ["Addressing", "DataplaneModel", "Planning", "PacketTracing"]),

        // Effects, each at one edge.
        room(
            "LinuxKernel",
            ["Addressing", "DataplaneModel", "CIPTables", "CNetlink"],
            [.strictMemorySafety()]
        ),
        room("PrintableText"),
        room("AnnotatedYAML", ["PrintableText", yams]),
        room("KubernetesObjects", ["Addressing", "PrintableText", "ServiceModel"]),
        room(
            "ServiceSources",
            ["Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML", "KubernetesObjects"]
        ),
        room(
            "KubernetesAPI",
            ["Addressing", "PrintableText", "ServiceModel", "KubernetesObjects", protobuf],
            exclude: ["Schema"]
        ),
        room(
            "KubernetesClient",
            [
                "Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML", "KubernetesAPI",
                "CSpawn", httpClient, nioCore, nioHTTP1, nioPosix, nioTLS, logging,
            ]
        ),
        room(
            "DaemonConfiguration",
            ["Addressing", "PrintableText", "ServiceModel", "Planning", "AnnotatedYAML"]
        ),
        room(
            "HealthChecking",
            ["Addressing", "ServiceModel", heap, nioCore, nioHTTP1, nioPosix, nioTLS]
        ),
        room("HTTPServing", ["Addressing", nioCore, nioHTTP1, nioPosix]),
        room("Telemetry", ["Addressing", "ServiceModel", "HTTPServing", logging]),
        room("Reconciling", ["Addressing", "ServiceModel", "DataplaneModel", "Planning"]),

        // The composition root.
        program(
            "fairlead",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "HealthChecking", "HTTPServing", "Picturing", "ProxyModes", "LinuxKernel",
                "ServiceSources", "KubernetesAPI", "KubernetesClient", "DaemonConfiguration",
                "PrintableText", "Telemetry", "Reconciling", "NamespaceLab", "LabTraffic",
                "LabCluster",
                argumentParser, logging, httpClient, nioCore, nioHTTP1,
            ]
        ),

        // A small network in namespaces, for the demo, the tests and the benchmarks.
        room("NamespaceLab", ["Addressing", "CSpawn"]),
        room("LabTraffic", ["Addressing", argumentParser]),
        room("LabCluster", ["Addressing", "NamespaceLab"]),
        program(
            "fairlead-lab-agent",
            ["Addressing", "NamespaceLab", "LabTraffic", argumentParser]
        ),

        // An API server for the tests and the benchmarks.
        room(
            "KubernetesTestServer",
            [
                "Addressing", "ServiceModel", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioTLS,
            ]
        ),

        // Run by scripts/bench.
        program(
            "fairlead-bench",
            path: "Benchmarks/fairlead-bench",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "LinuxKernel",
                "Reconciling", "CIPTables", "KubernetesAPI", "KubernetesClient",
                "KubernetesTestServer", argumentParser, logging,
            ]
        ),

        room(
            "TestSupport",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "ServiceSources", "DaemonConfiguration",
            ]
        ),
        tests("AddressingTests", ["Addressing"]),
        tests("DataplaneModelTests", ["Addressing", "DataplaneModel", "TestSupport"]),
        tests(
            "PlanningTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "TestSupport",
            ],
            exclude: ["Goldens"]
        ),
        tests(
            "PacketTracingTests",
            ["Addressing", "DataplaneModel", "PacketTracing", "TestSupport"]
        ),
        tests(
            "PicturingTests",
            [
                "Addressing", "ServiceModel", "Planning", "Picturing", "ServiceSources",
                "TestSupport",
            ],
            exclude: ["Goldens"]
        ),
        tests(
            "LinuxKernelTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "LinuxKernel", "Reconciling", "TestSupport", "CSpawn",
            ]
        ),
        tests("AnnotatedYAMLTests", ["AnnotatedYAML", "PrintableText"]),
        tests("ServiceSourcesTests", ["Addressing", "ServiceModel", "ServiceSources"]),
        tests(
            "KubernetesAPITests",
            [
                "Addressing", "ServiceModel", "ServiceSources", "KubernetesAPI", "TestSupport",
            ],
            exclude: ["objects.py"]
        ),
        tests(
            "KubernetesClientTests",
            [
                "Addressing", "ServiceModel", "KubernetesAPI", "KubernetesClient",
                "KubernetesTestServer", "TestSupport", nioCore, nioTLS, logging,
            ]
        ),
        tests(
            "DaemonConfigurationTests",
            ["Addressing", "ServiceModel", "Planning", "DaemonConfiguration"]
        ),
        tests(
            "ReconcilingTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "Reconciling",
                "TestSupport",
            ]
        ),
        tests(
            "HealthCheckingTests",
            [
                "Addressing", "ServiceModel", "HealthChecking", "LinuxKernel", "TestSupport",
                nioCore, nioHTTP1, nioPosix, nioTLS,
            ]
        ),
        tests("HTTPServingTests", ["Addressing", "HTTPServing"]),
        tests(
            "TelemetryTests",
            ["Addressing", "ServiceModel", "HTTPServing", "Telemetry", logging]
        ),
        tests(
            "ObservationTests",
            [
                "Addressing", "ServiceModel", "Planning", "HealthChecking", "HTTPServing",
                "KubernetesAPI", "KubernetesClient", "DaemonConfiguration", "Telemetry",
                "Reconciling", "DataplaneModel", "LinuxKernel", "PacketTracing", "ProxyModes",
                "fairlead", logging,
            ]
        ),
        tests("NamespaceLabTests", ["Addressing", "NamespaceLab", "LabCluster"]),
        tests(
            "IntegrationTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "LinuxKernel",
                "Reconciling", "AnnotatedYAML", "KubernetesClient", "KubernetesTestServer",
                "NamespaceLab", "LabCluster", "fairlead", "fairlead-lab-agent",
            ]
        ),
    ]
)

if isFuzzing {
    package.targets.append(
        .target(
            name: "fairlead-fuzz",
            dependencies: ["KubernetesAPI"],
            path: "Fuzzing/fairlead-fuzz",
            swiftSettings: settings
        )
    )
    package.products.append(
        .library(name: "fairlead-fuzz", type: .static, targets: ["fairlead-fuzz"])
    )
}
