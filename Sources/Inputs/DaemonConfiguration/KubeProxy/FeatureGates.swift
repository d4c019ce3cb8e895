/// Kubernetes' feature gates, all of which kube-proxy accepts: those documented for 1.37, which include
/// those of 1.36 that it did not remove.
package enum FeatureGates {
    /// The stage of a gate, as in the metric `kubernetes_feature_enabled`.
    private enum Stage: String {
        case alpha = "ALPHA"
        case beta = "BETA"
        case deprecated = "DEPRECATED"
        case stable = ""
    }

    private struct Gate {
        let stage: Stage
        /// The value that the gate always has here, and why; nil if it is used as set, or has no
        /// visible effect.
        let fixed: (isOn: Bool, reason: String)?

        init(_ stage: Stage) {
            self.stage = stage
            fixed = nil
        }

        init(_ stage: Stage, always isOn: Bool, _ reason: String) {
            self.stage = stage
            fixed = (isOn, reason)
        }
    }

    /// The stage of a proxy's gate in Kubernetes 1.37, empty if it is generally available; `UNKNOWN`
    /// for any other name.
    package static func stage(of name: String) -> String {
        proxy[name]?.stage.rawValue ?? "UNKNOWN"
    }

    /// Why a gate is not used as set; nil if it is, or if it is another component's.
    static func reasonAgainst(_ name: String, _ isOn: Bool) -> String? {
        if let gate = proxy[name] {
            return gate.fixed.flatMap { $0.isOn == isOn ? nil : $0.reason }
        }
        return others.contains(name)
            ? nil : "not a feature gate documented for Kubernetes 1.37"
    }

    /// The gates of a proxy: those that change its behaviour, the collective ones, and those of its
    /// log.
    private static let proxy: [String: Gate] = [
        "AllowServiceExternalIPs": Gate(.deprecated),
        "KubeProxyIPVS": Gate(.deprecated, always: true, "mode ipvs is always available"),
        "KubeProxyNFTablesLocalhostNodePorts": Gate(.alpha),
        "NFTablesNetlink": Gate(
            .beta,
            always: true,
            "the kernel is always programmed over netlink"
        ),
        "NFTablesProxyMode": Gate(.stable, always: true, "mode nftables is always available"),
        "KubeProxyDrainingTerminatingNodes": Gate(
            .stable,
            always: true,
            "a node about to be removed is always drained"
        ),
        "LoadBalancerIPMode": Gate(.stable, always: true, "ipMode is always honoured"),
        "MultiCIDRServiceAllocator": Gate(
            .stable,
            always: true,
            "ServiceCIDRs are always used"
        ),
        "PreferSameTrafficDistribution": Gate(.stable, always: true, "hints are always honoured"),
        "ServiceTrafficDistribution": Gate(.stable, always: true, "hints are always honoured"),
        "TopologyAwareHints": Gate(.stable, always: true, "hints are always honoured"),
        "WatchListClient": Gate(
            .beta,
            always: true,
            "lists are always streamed where the API server can"
        ),
        "ClientsAllowCBOR": Gate(.alpha, always: false, "contentType is protobuf or JSON"),
        "ClientsPreferCBOR": Gate(.alpha, always: false, "contentType is protobuf or JSON"),
        "ComponentFlagz": Gate(
            .beta,
            always: false,
            "there is no /flagz; /configz shows the configuration"
        ),
        "NativeHistograms": Gate(.alpha, always: false, "histograms have fixed buckets"),
        "AllAlpha": Gate(.alpha),
        "AllBeta": Gate(.beta),
        "ContextualLogging": Gate(.beta),
        "LoggingAlphaOptions": Gate(.alpha),
        "LoggingBetaOptions": Gate(.beta),
    ]

    /// The gates of other components, and those without a visible effect.
    private static let others = Set(
        """
        APIResponseCompression APIServerIdentity APIServerTracing
        APIServerWebhookAuthenticationToken APIServingWithRoutine AllowDNSOnlyNodeCSR
        AllowInsecureKubeletCertificateSigningRequests AllowOverwriteTerminationGracePeriodSeconds
        AllowParsingUserUIDFromCertAuth AllowUnsafeMalformedObjectDeletion
        AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AtomicFIFO
        AtomicWriteVolumeUserFields AuthorizeNodeWithSelectors
        AuthorizePodWebsocketUpgradeCreatePermission AuthorizeWithSelectors BtreeWatchCache
        CBORServingAndStorage CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions
        CPUManagerPolicyOptions CRDObservedGenerationTracking CRDValidationRatcheting
        CRIListStreaming CSIServiceAccountTokenSecrets CSIVolumeHealth
        ChangeContainerStatusOnKubeletRestart ClearingNominatedNodeNameAfterBinding
        CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook
        ClusterTrustBundle ClusterTrustBundleProjection ComponentStatusz CompositePodGroup
        ConcurrentWatchObjectDecode ConsistentListFromCache ConstrainedImpersonation
        ContainerCheckpoint ContainerRestartRules ContainerStopSignals
        ControllerManagerReleaseLeaderElectionLockOnExit CoordinatedLeaderElection
        CronJobsScheduledAnnotation CrossNamespaceVolumeDataSource CustomCPUCFSQuotaPeriod
        CustomResourceFieldSelectors DRAAdminAccess DRAConsumableCapacity DRADerivedAttributes
        DRADeviceBindingConditions DRADeviceCompatibilityGroups DRADeviceTaintRules
        DRADeviceTaints DRAExtendedResource DRAListTypeAttributes DRANodeAllocatableResources
        DRAOptionalNodeOperations DRAPartitionableDevices DRAPartitionableDevicesType
        DRAPrioritizedList DRAResourceClaimDeviceStatus
        DRAResourceClaimGranularStatusAuthorization DRAResourcePoolStatus
        DRASchedulerFilterTimeout DRAWorkloadResourceClaims DeclarativeValidation
        DeclarativeValidationBeta DeclarativeValidationTakeover DefaultPodSysctls
        DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
        DisableAllocatorDualWrite DisableCPUQuotaWithExclusiveCPUs DisableNodeKubeProxyVersion
        DynamicResourceAllocation ElasticIndexedJob EmptyDirVolumeMode EnvFiles EtcdRangeStream
        EventedPLEG ExcludeAdmissionWebhookVirtualResources ExecProbeTimeout
        ExtendWebSocketsToKubelet ExternalServiceAccountTokenSigner GRPCContainerProbeTLS
        GenericWorkload GitRepoVolumeDriver GracefulNodeShutdown
        GracefulNodeShutdownBasedOnPodPriority H2CContainerProbe HPAConfigurableTolerance
        HPAScaleToZero HostnameOverride HugepageAwareEviction ImageMaximumGCAge ImageVolume
        ImageVolumeWithDigest InOrderInformers InPlacePodLevelResourcesVerticalScaling
        InPlacePodVerticalScaling InPlacePodVerticalScalingAllocatedStatus
        InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
        InPlacePodVerticalScalingMemoryBackedVolumes
        InPlacePodVerticalScalingSchedulerPreemption InformerResourceVersion
        JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy JobSuccessPolicy KMSv1
        KubeletCgroupDriverFromCRI KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages
        KubeletFineGrainedAuthz KubeletInUserNamespace KubeletPSI
        KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletSeparateDiskGC
        KubeletServiceAccountTokenForCredentialProviders KubeletTracing ListFromCacheSnapshot
        LocalStorageCapacityIsolationFSQuotaMonitoring LogarithmicScaleDown
        ManifestBasedAdmissionControlConfig MatchLabelKeysInPodAffinity
        MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
        MaxUnavailableStatefulSet MemoryManager MemoryQoS MutableCSINodeAllocatableCount
        MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs
        MutableSchedulingDirectivesForSuspendedJobs MutatingAdmissionPolicy NodeDeclaredFeatures
        NodeInclusionPolicyInPodTopologySpread NodeLifecycleConditions NodeLogQuery NodeSwap
        NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching
        OrderedNamespaceDeletion PersistentVolumeClaimUnusedSinceTime PodAndContainerStatsFromCRI
        PodCertificateRequest PodDeletionCost PodGroupPreemptionPolicy PodIndexLabel
        PodLevelResourceManagers PodLevelResources PodLifecycleSleepAction
        PodLifecycleSleepActionAllowZero PodLogsQuerySplitStreams PodObservedGenerationTracking
        PodReadyToStartContainersCondition PodSchedulingReadiness PodTopologyLabelsAdmission
        PodsAPI PortForwardWebsockets PreventStaticPodAPIReferences ProcMountType QOSReserved
        RecoverVolumeExpansionFailure RecursiveReadOnlyMounts ReduceDefaultCrashLoopBackOffDecay
        RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation
        RelaxedServiceNameValidation ReloadKubeletServerCertificateFile RemoteRequestHeaderUID
        ResilientWatchCacheInitialization ResourceHealthStatus
        RestartAllContainersOnContainerExits RetryGenerateName RotateKubeletServerCertificate
        RuntimeClassInImageCriApi SELinuxChangePolicy SELinuxMount SELinuxMountReadWriteOncePod
        SchedulerAsyncAPICalls SchedulerAsyncPreemption SchedulerPopFromBackoffQ
        SchedulerQueueingHints SeparateCacheWatchRPC SeparateTaintEvictionController
        ServiceAccountNodeAudienceRestriction ServiceAccountTokenJTI
        ServiceAccountTokenNodeBinding ServiceAccountTokenNodeBindingValidation
        ServiceAccountTokenPodNodeInfo ShardedListAndWatch SidecarContainers
        SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet
        StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
        StaleControllerConsistencyStatefulSet StatefulSetAutoDeletePVC
        StatefulSetRecreateStrategy StatefulSetStartOrdinal StorageCapacityScoring
        StorageNamespaceIndex StorageVersionAPI StorageVersionHash StorageVersionMigrator
        StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf
        StrictCostEnforcementForVAP StrictCostEnforcementForWebhooks StrictIPCIDRValidation
        StructuredAuthenticationConfiguration StructuredAuthenticationConfigurationEgressSelector
        StructuredAuthenticationConfigurationJWKSMetrics StructuredAuthorizationConfiguration
        SupplementalGroupsPolicy SystemdWatchdog TaintTolerationComparisonOperators
        TokenRequestServiceAccountUIDValidation TopologyAwareWorkloadScheduling
        TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions
        TopologyManagerPolicyOptions TranslateStreamCloseWebsocketRequests
        UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy
        UnlockWhileProcessingFIFO UserNamespacesHostNetworkSupport UserNamespacesSupport
        VolumeAttributesClass VolumeBindMountOptions VolumeLimitScaling
        WatchCacheInitializationPostStartHook WatchFromStorageWithoutResourceVersion WatchList
        WinDSR WinOverlay WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown
        WindowsHostNetwork WorkloadWithJob
        """.split { $0.isWhitespace }.map(String.init)
    )
}
