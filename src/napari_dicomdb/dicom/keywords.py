"""Which header values are kept when a file is scanned, under which names.

Names are DICOM keywords, letter for letter. A kept sequence gives its number of
items under its own keyword and, for what `NESTED_KEYWORDS` lists, one value per
item under ``"SequenceKeyword.Keyword"``. Private elements have names made of
vendor, group and element in block 10, ``"GE_0043_1039"``, whatever block the
creator reserved in the file (PS3.5 Section 7.8.1).
"""

from __future__ import annotations

from napari_dicomdb.dicom._dictionary import Tree, tree_of

__all__ = [
    "CSA_HEADER",
    "INSTANCE_KEYWORDS",
    "KEPT_KEYWORDS",
    "NESTED_KEYWORDS",
    "NESTED_TREES",
    "NOTED_GROUPS",
    "PRIVATE_ELEMENTS",
    "PRIVATE_TREES",
    "REFERRED_INSTANCES",
    "REFERRED_SERIES",
    "REPEATED_TAGS",
    "SCAN_VERSION",
    "SERIES_KEYWORDS",
    "SOURCES",
    "TAG_OF",
    "UNRESERVED_ELEMENTS",
    "VR_OF",
]

SCAN_VERSION = 5
"""Raise it whenever a scan keeps more or other values than before.

An import reads files anew that an older scan has read.
"""

# Equal in all instances of a usual series.
_SERIES: dict[str, tuple[int, str]] = {
    # Patient
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "IssuerOfPatientID": (0x00100021, "LO"),
    "PatientBirthDate": (0x00100030, "DA"),
    "PatientSex": (0x00100040, "CS"),
    "PatientAge": (0x00101010, "AS"),
    "PatientSize": (0x00101020, "DS"),
    "PatientWeight": (0x00101030, "DS"),
    "AnatomicalOrientationType": (0x00102210, "CS"),
    "PatientIdentityRemoved": (0x00120062, "CS"),
    # Study
    "StudyInstanceUID": (0x0020000D, "UI"),
    "StudyDate": (0x00080020, "DA"),
    "StudyTime": (0x00080030, "TM"),
    "StudyID": (0x00200010, "SH"),
    "StudyDescription": (0x00081030, "LO"),
    "AccessionNumber": (0x00080050, "SH"),
    "ReferringPhysicianName": (0x00080090, "PN"),
    "InstitutionName": (0x00080080, "LO"),
    # Series
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "SeriesDate": (0x00080021, "DA"),
    "SeriesTime": (0x00080031, "TM"),
    "SeriesNumber": (0x00200011, "IS"),
    "SeriesDescription": (0x0008103E, "LO"),
    "Modality": (0x00080060, "CS"),
    "BodyPartExamined": (0x00180015, "CS"),
    "ProtocolName": (0x00181030, "LO"),
    "Laterality": (0x00200060, "CS"),
    "ImageLaterality": (0x00200062, "CS"),
    "ViewPosition": (0x00185101, "CS"),
    "PatientPosition": (0x00185100, "CS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "SOPClassUID": (0x00080016, "UI"),
    "SpecificCharacterSet": (0x00080005, "CS"),
    "TimezoneOffsetFromUTC": (0x00080201, "SH"),
    # Equipment
    "Manufacturer": (0x00080070, "LO"),
    "ManufacturerModelName": (0x00081090, "LO"),
    "StationName": (0x00081010, "SH"),
    "DeviceSerialNumber": (0x00181000, "LO"),
    "SoftwareVersions": (0x00181020, "LO"),
    "MagneticFieldStrength": (0x00180087, "DS"),
    # Image Pixel, General Image, Multi-frame
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "NumberOfFrames": (0x00280008, "IS"),
    "LossyImageCompression": (0x00282110, "CS"),
    "LossyImageCompressionRatio": (0x00282112, "DS"),
    "BurnedInAnnotation": (0x00280301, "CS"),
    "PresentationLUTShape": (0x20500020, "CS"),
    "PixelIntensityRelationship": (0x00281040, "CS"),
    "PixelPaddingValue": (0x00280120, "US or SS"),
    "PixelPaddingRangeLimit": (0x00280121, "US or SS"),
    # Modality LUT, VOI LUT
    "RescaleType": (0x00281054, "LO"),
    "ModalityLUTSequence": (0x00283000, "SQ"),
    "VOILUTSequence": (0x00283010, "SQ"),
    "VOILUTFunction": (0x00281056, "CS"),
    "WindowCenterWidthExplanation": (0x00281055, "LO"),
    "RealWorldValueMappingSequence": (0x00409096, "SQ"),
    # Spacing (reference/pixels.md PX-7)
    "PixelSpacing": (0x00280030, "DS"),
    "PixelSpacingCalibrationType": (0x00280A02, "CS"),
    "PixelSpacingCalibrationDescription": (0x00280A04, "LO"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "NominalScannedPixelSpacing": (0x00182010, "DS"),
    "PixelAspectRatio": (0x00280034, "IS"),
    "ImagePlanePixelSpacing": (0x30020011, "DS"),
    "EstimatedRadiographicMagnificationFactor": (0x00181114, "DS"),
    "DistanceSourceToDetector": (0x00181110, "DS"),
    "DistanceSourceToPatient": (0x00181111, "DS"),
    "SliceThickness": (0x00180050, "DS"),
    "SpacingBetweenSlices": (0x00180088, "DS"),
    "GantryDetectorTilt": (0x00181120, "DS"),
    "VolumeFrameOfReferenceUID": (0x00209312, "UI"),
    "SequenceOfUltrasoundRegions": (0x00186011, "SQ"),
    # Acquisition: CT, MR
    "KVP": (0x00180060, "DS"),
    "ConvolutionKernel": (0x00181210, "SH"),
    "ContrastBolusAgent": (0x00180010, "LO"),
    "ScanOptions": (0x00180022, "CS"),
    "ScanningSequence": (0x00180020, "CS"),
    "SequenceVariant": (0x00180021, "CS"),
    "SequenceName": (0x00180024, "SH"),
    "MRAcquisitionType": (0x00180023, "CS"),
    "AcquisitionMatrix": (0x00181310, "US"),
    "RepetitionTime": (0x00180080, "DS"),
    "InPlanePhaseEncodingDirection": (0x00181312, "CS"),
    "NumberOfTemporalPositions": (0x00200105, "IS"),
    # Cine, multi-frame NM
    "FrameIncrementPointer": (0x00280009, "AT"),
    "FrameTime": (0x00181063, "DS"),
    "FrameTimeVector": (0x00181065, "DS"),
    "CineRate": (0x00180040, "IS"),
    "RecommendedDisplayFrameRate": (0x00082144, "IS"),
    "EnergyWindowVector": (0x00540010, "US"),
    "DetectorVector": (0x00540020, "US"),
    "PhaseVector": (0x00540030, "US"),
    "RotationVector": (0x00540050, "US"),
    "RRIntervalVector": (0x00540060, "US"),
    "TimeSlotVector": (0x00540070, "US"),
    "SliceVector": (0x00540080, "US"),
    "AngularViewVector": (0x00540090, "US"),
    "TimeSliceVector": (0x00540100, "US"),
    "DetectorInformationSequence": (0x00540022, "SQ"),
    "FrameLabelVector": (0x00182002, "SH"),
    "SliceLocationVector": (0x00182005, "DS"),
    "PositionerPrimaryAngle": (0x00181510, "DS"),
    "PositionerSecondaryAngle": (0x00181511, "DS"),
    "PositionerPrimaryAngleIncrement": (0x00181520, "DS"),
    "PositionerSecondaryAngleIncrement": (0x00181521, "DS"),
    "EnergyWindowInformationSequence": (0x00540012, "SQ"),
    "PhaseInformationSequence": (0x00540032, "SQ"),
    "RotationInformationSequence": (0x00540052, "SQ"),
    "GatedInformationSequence": (0x00540062, "SQ"),
    # Projection radiography
    "PresentationIntentType": (0x00080068, "CS"),
    "PatientOrientation": (0x00200020, "CS"),
    "BreastImplantPresent": (0x00281300, "CS"),
    "ViewCodeSequence": (0x00540220, "SQ"),
    # Colour, overlays, shutters: whether there are any; read from the file when loaded
    "PixelPresentation": (0x00089205, "CS"),
    "RedPaletteColorLookupTableDescriptor": (0x00281101, "US or SS"),
    "ICCProfile": (0x00282000, "OB"),
    "OverlayRows": (0x60000010, "US"),
    "ShutterShape": (0x00181600, "CS"),
    # PET
    "Units": (0x00541001, "CS"),
    "SUVType": (0x00541006, "CS"),
    "DecayCorrection": (0x00541102, "CS"),
    "CorrectedImage": (0x00280051, "CS"),
    "SeriesType": (0x00541000, "CS"),
    "NumberOfSlices": (0x00540081, "US"),
    "NumberOfTimeSlices": (0x00540101, "US"),
    "DecayCorrectionDateTime": (0x00189701, "DT"),
    "RadiopharmaceuticalInformationSequence": (0x00540016, "SQ"),
    # RT, SEG, whole slide, references
    "ReferencedSeriesSequence": (0x00081115, "SQ"),
    "CurrentRequestedProcedureEvidenceSequence": (0x0040A375, "SQ"),
    "ReferencedStructureSetSequence": (0x300C0060, "SQ"),
    "ReferencedRTPlanSequence": (0x300C0002, "SQ"),
    "ReferencedDoseSequence": (0x300C0080, "SQ"),
    "ReferencedFrameOfReferenceSequence": (0x30060010, "SQ"),
    "SourceImageSequence": (0x00082112, "SQ"),  # of derived images alone
    "StudiesContainingOtherReferencedInstancesSequence": (0x00081200, "SQ"),
    "PertinentOtherEvidenceSequence": (0x0040A385, "SQ"),
    "SourceInstanceSequence": (0x00420013, "SQ"),
    "RegistrationSequence": (0x00700308, "SQ"),
    "SegmentationType": (0x00620001, "CS"),
    "DoseUnits": (0x30040002, "CS"),
    "DoseType": (0x30040004, "CS"),
    "DoseSummationType": (0x3004000A, "CS"),
    "DoseGridScaling": (0x3004000E, "DS"),
    "GridFrameOffsetVector": (0x3004000C, "DS"),
    "StructureSetLabel": (0x30060002, "SH"),
    "RTPlanLabel": (0x300A0002, "SH"),
    "ContentLabel": (0x00700080, "CS"),
    "TotalPixelMatrixColumns": (0x00480006, "UL"),
    "TotalPixelMatrixRows": (0x00480007, "UL"),
    "ImageOrientationSlide": (0x00480102, "DS"),
    "ImagedVolumeWidth": (0x00480001, "FL"),
    "ImagedVolumeHeight": (0x00480002, "FL"),
    "ImagedVolumeDepth": (0x00480003, "FL"),
    "TotalPixelMatrixFocalPlanes": (0x00480303, "UL"),
    "NumberOfOpticalPaths": (0x00480302, "UL"),
    "TotalPixelMatrixOriginSequence": (0x00480008, "SQ"),
    "OpticalPathSequence": (0x00480105, "SQ"),
    "PyramidUID": (0x00080019, "UI"),
    "DimensionOrganizationType": (0x00209311, "CS"),
    "ConcatenationUID": (0x00209161, "UI"),
    "InConcatenationTotalNumber": (0x00209163, "US"),
}

# Differs between the instances of a usual series.
_INSTANCE: dict[str, tuple[int, str]] = {
    # Identity and order
    "SOPInstanceUID": (0x00080018, "UI"),
    "InstanceNumber": (0x00200013, "IS"),
    "AcquisitionNumber": (0x00200012, "IS"),
    "ImageType": (0x00080008, "CS"),
    "AcquisitionDate": (0x00080022, "DA"),
    "AcquisitionTime": (0x00080032, "TM"),
    "AcquisitionDateTime": (0x0008002A, "DT"),
    "ContentDate": (0x00080023, "DA"),
    "ContentTime": (0x00080033, "TM"),
    "ImageComments": (0x00204000, "LT"),
    "InConcatenationNumber": (0x00209162, "US"),
    "ConcatenationFrameOffsetNumber": (0x00209228, "UL"),
    # Geometry
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "SliceLocation": (0x00201041, "DS"),
    # Values
    "RescaleSlope": (0x00281053, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "WindowCenter": (0x00281050, "DS"),
    "WindowWidth": (0x00281051, "DS"),
    # What tells repeats apart (reference/multivolume.md MV-1)
    "EchoTime": (0x00180081, "DS"),
    "EchoNumbers": (0x00180086, "IS"),
    "InversionTime": (0x00180082, "DS"),
    "FlipAngle": (0x00181314, "DS"),
    "TriggerTime": (0x00181060, "DS"),
    "NominalPercentageOfCardiacPhase": (0x00209241, "FL"),
    "NominalPercentageOfRespiratoryPhase": (0x00209245, "FL"),
    "TemporalPositionIdentifier": (0x00200100, "IS"),
    "TemporalPositionIndex": (0x00209128, "UL"),
    "ComplexImageComponent": (0x00089208, "CS"),
    "ActualFrameDuration": (0x00181242, "IS"),
    "FrameReferenceTime": (0x00541300, "DS"),
    "DecayFactor": (0x00541321, "DS"),
    "DiffusionBValue": (0x00189087, "FD"),
    "DiffusionGradientOrientation": (0x00189089, "FD"),
    "DiffusionDirectionality": (0x00189075, "CS"),
    "MRDiffusionSequence": (0x00189117, "SQ"),
}

SERIES_KEYWORDS: tuple[str, ...] = tuple(_SERIES)
INSTANCE_KEYWORDS: tuple[str, ...] = tuple(_INSTANCE)
KEPT_KEYWORDS: tuple[str, ...] = SERIES_KEYWORDS + INSTANCE_KEYWORDS
TAG_OF: dict[str, int] = {keyword: tag for keyword, (tag, _) in (_SERIES | _INSTANCE).items()}
VR_OF: dict[str, str] = {keyword: vr for keyword, (_, vr) in (_SERIES | _INSTANCE).items()}

REPEATED_TAGS: dict[int, str] = {0x60000010 | n << 17: "OverlayRows" for n in range(1, 16)}
"""Further tags of a kept keyword of a repeating group; of several the last is kept."""

REFERRED_SERIES: tuple[str, ...] = (
    "ReferencedSeriesSequence.SeriesInstanceUID",
    "StudiesContainingOtherReferencedInstancesSequence.ReferencedSeriesSequence.SeriesInstanceUID",
    "CurrentRequestedProcedureEvidenceSequence.ReferencedSeriesSequence.SeriesInstanceUID",
    "PertinentOtherEvidenceSequence.ReferencedSeriesSequence.SeriesInstanceUID",
    "ReferencedFrameOfReferenceSequence.RTReferencedStudySequence"
    ".RTReferencedSeriesSequence.SeriesInstanceUID",
)
"""Series that an object refers to: the UIDs of all items, whatever they are nested in."""

REFERRED_INSTANCES: tuple[str, ...] = (
    "ReferencedStructureSetSequence.ReferencedSOPInstanceUID",
    "ReferencedRTPlanSequence.ReferencedSOPInstanceUID",
    "ReferencedDoseSequence.ReferencedSOPInstanceUID",
    "SourceInstanceSequence.ReferencedSOPInstanceUID",
)
"""Objects that it refers to one by one; all items likewise."""

SOURCES: tuple[str, ...] = (
    "SourceImageSequence.ReferencedSOPInstanceUID",
    "RegistrationSequence.ReferencedImageSequence.ReferencedSOPInstanceUID",
    "DerivationImageSequence.SourceImageSequence.ReferencedSOPInstanceUID",
)
"""Images that an object was made from: of many a few, spread evenly, that lead to the series.

One text, UIDs joined by backslashes. Not kept of images whose ImageType says that they are
original; those of frames (the last) not where the object names its series either.
"""

NESTED_KEYWORDS: tuple[str, ...] = (
    "RadiopharmaceuticalInformationSequence.Radiopharmaceutical",
    "RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalInformationSequence.RadionuclideTotalDose",
    "RadiopharmaceuticalInformationSequence.RadionuclideHalfLife",
    "RadiopharmaceuticalInformationSequence.RadionuclideCodeSequence.CodeValue",
    "RadiopharmaceuticalInformationSequence.RadionuclideCodeSequence.CodeMeaning",
    "SequenceOfUltrasoundRegions.RegionSpatialFormat",
    "SequenceOfUltrasoundRegions.RegionDataType",
    "SequenceOfUltrasoundRegions.RegionLocationMinX0",
    "SequenceOfUltrasoundRegions.RegionLocationMinY0",
    "SequenceOfUltrasoundRegions.RegionLocationMaxX1",
    "SequenceOfUltrasoundRegions.RegionLocationMaxY1",
    "SequenceOfUltrasoundRegions.PhysicalUnitsXDirection",
    "SequenceOfUltrasoundRegions.PhysicalUnitsYDirection",
    "SequenceOfUltrasoundRegions.PhysicalDeltaX",
    "SequenceOfUltrasoundRegions.PhysicalDeltaY",
    "SequenceOfUltrasoundRegions.ReferencePixelX0",
    "SequenceOfUltrasoundRegions.ReferencePixelY0",
    "SequenceOfUltrasoundRegions.ReferencePixelPhysicalValueX",
    "SequenceOfUltrasoundRegions.ReferencePixelPhysicalValueY",
    "RealWorldValueMappingSequence.RealWorldValueSlope",
    "RealWorldValueMappingSequence.RealWorldValueIntercept",
    "RealWorldValueMappingSequence.RealWorldValueFirstValueMapped",
    "RealWorldValueMappingSequence.RealWorldValueLastValueMapped",
    "RealWorldValueMappingSequence.DoubleFloatRealWorldValueFirstValueMapped",
    "RealWorldValueMappingSequence.DoubleFloatRealWorldValueLastValueMapped",
    "RealWorldValueMappingSequence.LUTLabel",
    "RealWorldValueMappingSequence.LUTExplanation",
    "RealWorldValueMappingSequence.QuantityDefinitionSequence.ConceptCodeSequence.CodeMeaning",
    "RealWorldValueMappingSequence.MeasurementUnitsCodeSequence.CodeValue",
    "DetectorInformationSequence.ImagePositionPatient",
    "DetectorInformationSequence.ImageOrientationPatient",
    "DetectorInformationSequence.StartAngle",
    "EnergyWindowInformationSequence.EnergyWindowName",
    "EnergyWindowInformationSequence.EnergyWindowRangeSequence.EnergyWindowLowerLimit",
    "EnergyWindowInformationSequence.EnergyWindowRangeSequence.EnergyWindowUpperLimit",
    "PhaseInformationSequence.ActualFrameDuration",
    "PhaseInformationSequence.PhaseDelay",
    "PhaseInformationSequence.PauseBetweenFrames",
    "RotationInformationSequence.StartAngle",
    "RotationInformationSequence.AngularStep",
    "RotationInformationSequence.RotationDirection",
    "GatedInformationSequence.DataInformationSequence.FrameTime",
    "ViewCodeSequence.CodeMeaning",
    "MRDiffusionSequence.DiffusionBValue",
    "MRDiffusionSequence.DiffusionDirectionality",
    "MRDiffusionSequence.DiffusionGradientDirectionSequence.DiffusionGradientOrientation",
    *(
        f"MRDiffusionSequence.DiffusionBMatrixSequence.DiffusionBValue{axes}"
        for axes in ("XX", "XY", "XZ", "YY", "YZ", "ZZ")
    ),
    "TotalPixelMatrixOriginSequence.XOffsetInSlideCoordinateSystem",
    "TotalPixelMatrixOriginSequence.YOffsetInSlideCoordinateSystem",
    "OpticalPathSequence.OpticalPathIdentifier",
    "OpticalPathSequence.OpticalPathDescription",
    "ReferencedFrameOfReferenceSequence.FrameOfReferenceUID",
    *REFERRED_SERIES,
    *REFERRED_INSTANCES,
    *SOURCES[:-1],
)
NESTED_TREES: Tree = tree_of(NESTED_KEYWORDS)

PRIVATE_TREES: dict[str, Tree] = {
    "UIH_0065_1051": tree_of(["ImagePositionPatient"]),
}
"""What is read of the items of private sequences."""

NOTED_GROUPS: tuple[int, ...] = (0x0019, 0x0065)
"""Private groups whose unknown creators are kept, as ``"PrivateCreator_0019"``.

The same element means other things to other makers: who asks for one and does
not find it can tell why.
"""

CSA_HEADER = "SIEMENS_0029_1010"
"""Is not kept itself, but what `dicom.csa` reads of it."""

# (group, creator) -> {element within the block: (name, VR when the file has UN or OB)}
PRIVATE_ELEMENTS: dict[tuple[int, str], dict[int, tuple[str, str]]] = {
    (0x0009, "GEMS_PETD_01"): {0x0D: ("GE_0009_100D", "DT")},  # scan start
    (0x0019, "GEMS_ACQU_01"): {  # gradient direction: frequency, phase, slice
        0xBB: ("GE_0019_10BB", "DS"),
        0xBC: ("GE_0019_10BC", "DS"),
        0xBD: ("GE_0019_10BD", "DS"),
    },
    (0x0043, "GEMS_PARM_01"): {
        0x1E: ("GE_0043_101E", "DS"),  # delta start time
        0x2F: ("GE_0043_102F", "SS"),  # magnitude, phase, real, imaginary
        0x39: ("GE_0043_1039", "IS"),  # b-value
    },
    (0x0019, "SIEMENS MR HEADER"): {
        0x0A: ("SIEMENS_0019_100A", "US"),  # images in mosaic
        0x0C: ("SIEMENS_0019_100C", "IS"),  # b-value
        0x0D: ("SIEMENS_0019_100D", "CS"),  # directionality
        0x0E: ("SIEMENS_0019_100E", "FD"),  # gradient direction
        0x27: ("SIEMENS_0019_1027", "FD"),  # b-matrix
    },
    (0x0029, "SIEMENS CSA HEADER"): {0x10: (CSA_HEADER, "OB")},
    (0x2001, "Philips Imaging DD 001"): {
        0x03: ("PHILIPS_2001_1003", "FL"),  # b-value
        0x04: ("PHILIPS_2001_1004", "CS"),  # directionality
        0x08: ("PHILIPS_2001_1008", "IS"),  # phase number
    },
    (0x2005, "Philips MR Imaging DD 001"): {
        0x0E: ("PHILIPS_2005_100E", "FL"),  # scale slope
        0x11: ("PHILIPS_2005_1011", "CS"),  # image type
        0xB0: ("PHILIPS_2005_10B0", "FL"),  # gradient direction: x, y, z
        0xB1: ("PHILIPS_2005_10B1", "FL"),
        0xB2: ("PHILIPS_2005_10B2", "FL"),
    },
    (0x2005, "Philips MR Imaging DD 005"): {
        0x12: ("PHILIPS_2005_1412", "IS"),  # number of the b-value
        0x13: ("PHILIPS_2005_1413", "IS"),  # number of the gradient direction
    },
    (0x0065, "Image Private Header"): {
        0x09: ("UIH_0065_1009", "FD"),  # b-value
        0x0A: ("UIH_0065_100A", "FD"),  # b-value, nominal
        0x37: ("UIH_0065_1037", "FD"),  # gradient direction
        0x50: ("UIH_0065_1050", "DS"),  # frames in a grid
        0x51: ("UIH_0065_1051", "SQ"),  # one item a frame of the grid
    },
    (0x7053, "Philips PET Private Group"): {
        0x00: ("PHILIPS_7053_1000", "DS"),  # SUV per count
        0x09: ("PHILIPS_7053_1009", "DS"),  # Bq/ml per count
    },
}

UNRESERVED_ELEMENTS: dict[int, tuple[str, str]] = {
    int(name[-9:-5], 16) << 16 | int(name[-4:], 16): (name, vr)
    for elements in PRIVATE_ELEMENTS.values()
    for name, vr in elements.values()
    if vr not in {"CSA", "SQ"} and name[-9:-5] in {"0019", "0043", "0065", "2001", "2005"}
}
"""Tag -> private element where vendors use to have it.

Anonymisers remove the elements that reserve blocks and leave what stands in them;
such a file has no creators at all, and its Manufacturer must say whose they are.
"""
